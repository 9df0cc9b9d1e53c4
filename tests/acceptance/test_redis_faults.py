"""Each fault of Redis really strikes: seen by a client that goes where the workers go, through the proxy."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import pytest
from redis import Redis, RedisError, exceptions

from tests.acceptance.faults import redis as faults
from tests.acceptance.injection import Injection
from tests.acceptance.servers import RedisPair
from tests.stream import eventually

OUTAGE = 0.6
HASTE = 0.2
"""The client's own timeout."""
KEEPSAKE = "key"
EARLIER = "partition-1"
FAULTS = {fault.name: fault for fault in faults.FAULTS}


class Client:
    """Counts without a pause, and remembers what went wrong."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_timeout=HASTE, socket_connect_timeout=HASTE, decode_responses=True)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.errors: list[RedisError] = []
        self.written = 0
        self.steps_back = 0
        """How often the server had forgotten a number."""

    def __enter__(self) -> "Client":
        self._redis.set(KEEPSAKE, "here")
        self._redis.hset("partition-0", "u", "state")
        self._redis.hset(EARLIER, "u", "state")
        self._thread.start()
        eventually(lambda: self.written > 10, "the client is at work")
        return self

    def __exit__(self, *_error: object) -> None:
        self._ending.set()
        self._thread.join()
        self._redis.close()

    def _run(self) -> None:
        last = 0
        while not self._ending.is_set():
            try:
                # One command: what is lost between a reading and a writing would be made good without being seen.
                number = cast("int", self._redis.incr("number"))
            except RedisError as error:
                self.errors.append(error)
                continue
            self.steps_back += number <= last
            last = number
            self.written += 1

    def saw(self, *words: str) -> bool:
        return any(word in str(error) for error in self.errors for word in words)

    def met(self, kind: type[RedisError]) -> bool:
        return any(isinstance(error, kind) for error in self.errors)

    def keys(self) -> set[str]:
        return set(cast("list[str]", eventually(self._keys, "the server is back")))

    def _keys(self) -> list[str]:
        try:
            return [key for key in cast("list[str]", self._redis.keys("*")) if key != "number"] or ["none"]
        except RedisError:
            return []


AWAY = exceptions.ConnectionError
ALL = {KEEPSAKE, "partition-0", EARLIER}
SEEN: dict[str, Callable[[Client], bool]] = {
    "Redis killed, back empty after 2 s": lambda client: client.met(AWAY) and client.keys() == {"none"},
    "Redis emptied": lambda client: not client.met(AWAY) and client.keys() == {"none"},
    "one partition lost from Redis": lambda client: client.keys() == ALL - {EARLIER},
    "Redis out of memory for 2 s": lambda client: client.saw("maxmemory") and client.keys() == ALL,
    "Redis read-only for 2 s": lambda client: client.saw("read only replica") and client.keys() == ALL,
    "failover to a stale replica": lambda client: bool(client.steps_back) and client.keys() == ALL,
    "Redis slow for 4 s": lambda client: client.met(exceptions.TimeoutError) and client.keys() == ALL,
    "Redis unreachable for 2 s": lambda client: client.met(AWAY) and client.keys() == ALL,
}


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisPair]:
    monkeypatch.setattr(faults, "OUTAGE", OUTAGE)
    monkeypatch.setattr(faults, "STALE", OUTAGE)
    pair = RedisPair(tmp_path)
    yield pair
    pair.close()


def injection(pair: RedisPair) -> Injection:
    """Into a system that has nothing else, of whose partitions only number 1 can be chosen."""
    stream = SimpleNamespace(cache=SimpleNamespace(key="partition-{}".format))
    system = SimpleNamespace(
        servers=SimpleNamespace(redis=pair),
        stream=stream,
        plan=SimpleNamespace(partitions=2),
        watch=SimpleNamespace(begin=lambda _marks: None),
        ledger=SimpleNamespace(ends={}),
    )
    chance = SimpleNamespace(randrange=lambda _count: 1)
    return Injection(cast(Any, system), cast(Random, chance))


@pytest.mark.parametrize("name", SEEN)
def test_a_fault_is_felt_and_over_when_it_returns(pair: RedisPair, name: str) -> None:
    with Client(pair.url) as client:
        FAULTS[name].inject(injection(pair))
        # Connections that broke are made anew; from then on nothing fails any more.
        before = client.written
        eventually(lambda: client.written > before + 10, "the client is at work again")
        assert SEEN[name](client), (client.errors[:3], client.steps_back, client.keys())


def test_it_is_emptied_though_another_fault_keeps_it_from_writing(pair: RedisPair) -> None:
    pair.ask(lambda client: client.set(KEEPSAKE, "here"))
    pair.ask(lambda client: client.replicaof("127.0.0.1", pair.serving.port))
    writable = threading.Timer(OUTAGE, lambda: pair.ask(lambda client: client.replicaof("NO", "ONE")))
    writable.start()
    pair.empty()
    writable.join()
    assert pair.ask(lambda client: client.dbsize()) == 0


def test_every_fault_of_redis_alone_is_tried_here() -> None:
    assert {fault.name for fault in faults.FAULTS if fault.part == "redis"} == set(SEEN)
