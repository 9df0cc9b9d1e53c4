"""A Redis that is away, full, closed to us or evicting: what each of them becomes, on real servers."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from deploy.local.redis import Implementation, RedisServer, start_redis
from tests.adapters.conftest import redis_settings
from worker.adapters.redis_state import RedisStates
from worker.assemble import redis_states
from worker.errors import Retry, Stop

W1, W2 = b'{"offset":1}', b'{"offset":2}'
USERS = {b"user-%d" % number: bytes(400) for number in range(6_000)}

CALLS: dict[str, Callable[[RedisStates], object]] = {
    "check": lambda cache: cache.check(),
    "watermark": lambda cache: cache.watermark(0),
    "read": lambda cache: cache.read(0, W1, [b"u"]),
    "write": lambda cache: cache.write(0, W1, W2, {b"u": b"state"}),
    "claim": lambda cache: cache.claim(0, W1, W2, empty=True),
    "scan": lambda cache: cache.scan(0, W1, 0, 10),
    "request": lambda cache: cache.request_relabel(0, wanted=True),
    "requested": lambda cache: cache.relabel_requested(0),
    "forget": lambda cache: cache.forget(0),
}


@pytest.fixture
def server(tmp_path: Path, implementation: Implementation) -> Iterator[RedisServer]:
    with start_redis(tmp_path, implementation) as server:
        yield server


@contextmanager
def states(server: RedisServer, **more: str) -> Iterator[RedisStates]:
    cache = redis_states(redis_settings(server.url, "group", **{"SONGPRINT_REDIS__TIMEOUT_S": "10", **more}))
    yield cache
    cache.close()


def test_a_server_that_is_away_is_worth_a_retry(server: RedisServer) -> None:
    with states(server) as cache:
        assert cache.claim(0, None, W1, empty=True)
        server.kill()
        for name, call in CALLS.items():
            with pytest.raises(Retry, match=f"Redis at {server.url}: ") as caught:
                call(cache)
            assert caught.value.part == "redis", name
        server.start()
        assert cache.watermark(0) is None, "it came back, empty"
        assert cache.claim(0, None, W1, empty=True), "and knows no script any more"
        assert cache.read(0, W1, [b"u"]) == [None]


def test_a_server_that_hangs_is_worth_a_retry(server: RedisServer) -> None:
    with states(server, SONGPRINT_REDIS__TIMEOUT_S="0.5") as cache:
        assert cache.claim(0, None, W1, empty=True)
        server.process.signal(signal.SIGSTOP)
        server.process.wait_until(lambda: not answers(cache), 60)
        with pytest.raises(Retry, match="Timeout"):
            cache.read(0, W1, [b"u"])
        server.process.signal(signal.SIGCONT)
        server.process.wait_until(lambda: answers(cache), 60)
        assert cache.read(0, W1, [b"u"]) == [None], "the answer to the question before is not taken for this one's"


def answers(cache: RedisStates) -> bool:
    try:
        return cache.watermark(0) == W1
    except Retry:
        return False


def test_a_write_is_whole_or_not_at_all_when_memory_runs_out(server: RedisServer) -> None:
    """Whether the server is full before the script, or becomes so in the middle of it."""
    size = sum(map(len, (*USERS, *USERS.values())))
    outcomes = set()
    with states(server) as cache, Redis.from_url(server.url) as operator:
        for headroom in range(0, 8 * size, size // 2):
            cache.forget(0)
            assert cache.claim(0, None, W1, empty=True)
            limit = operator.info("memory")["used_memory"] + headroom
            operator.config_set("maxmemory", limit)
            written = written_or_full(cache)
            operator.config_set("maxmemory", 0)
            outcomes.add((written, operator.info("memory")["used_memory_peak"] > limit))
            assert cache.watermark(0) == (W2 if written else W1)
            expected = list(USERS.values()) if written else [None] * len(USERS)
            assert cache.read(0, W2 if written else W1, list(USERS)) == expected
    assert {written for written, _ in outcomes} == {True, False}
    assert (True, True) in outcomes, "memory ran out in the middle of a script, which was finished all the same"


def written_or_full(cache: RedisStates) -> bool:
    try:
        return cache.write(0, W1, W2, USERS)
    except Retry as full:
        if "maxmemory" not in str(full):
            raise
        return False


def test_a_full_server_can_still_be_read_and_emptied(server: RedisServer) -> None:
    with states(server) as cache, Redis.from_url(server.url) as operator:
        assert cache.claim(0, None, W1, empty=True)
        assert cache.write(0, W1, W1, {b"u": b"state"})
        operator.config_set("maxmemory", 1)
        assert cache.read(0, W1, [b"u"]) == [b"state"]
        with pytest.raises(Retry, match="maxmemory"):
            cache.write(0, W1, W2, {b"v": b"state"})
        cache.forget(0)
        assert cache.watermark(0) is None


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_an_evicting_server_stops_the_worker(server: RedisServer, policy: str) -> None:
    with states(server) as cache, Redis.from_url(server.url) as operator:
        cache.check()
        operator.config_set("maxmemory-policy", policy)
        with pytest.raises(
            Stop, match=rf"{server.url} has maxmemory-policy '{policy}'.*set maxmemory-policy to noevic"
        ):
            cache.check()


@pytest.mark.parametrize(
    "credentials",
    [
        {},
        {"SONGPRINT_REDIS__PASSWORD": "wrong"},
        {"SONGPRINT_REDIS__USERNAME": "nobody", "SONGPRINT_REDIS__PASSWORD": "right"},
    ],
    ids=["no password", "wrong password", "unknown user"],
)
def test_wrong_credentials_stop_the_worker_and_are_not_told(
    tmp_path: Path, implementation: Implementation, credentials: dict[str, str]
) -> None:
    with start_redis(tmp_path, implementation) as server, Redis.from_url(server.url) as operator:
        operator.config_set("requirepass", "right")
        with states(server, SONGPRINT_REDIS__PASSWORD="right") as cache:
            assert cache.watermark(0) is None
        with states(server, **credentials) as cache:
            for call in CALLS.values():
                with pytest.raises(Stop, match=r"refuses this user: .*SONGPRINT_REDIS__USERNAME") as caught:
                    call(cache)
                assert "wrong" not in str(caught.value).replace("WRONGPASS", "")


def test_a_user_without_the_rights_stops_the_worker(server: RedisServer) -> None:
    with Redis.from_url(server.url) as operator:
        operator.acl_setuser("reader", enabled=True, passwords=["+right"], keys=["*"], commands=["+hget", "+info"])
    login = {"SONGPRINT_REDIS__USERNAME": "reader", "SONGPRINT_REDIS__PASSWORD": "right"}
    with states(server, **login) as cache:
        assert cache.watermark(0) is None
        with pytest.raises(Stop, match="refuses this user"):
            cache.write(0, W1, W2, {})


def test_a_right_that_lacks_within_a_script_stops_the_worker(server: RedisServer) -> None:
    """Else it would step back for ever: the server tells of it as of any error of a script."""
    with Redis.from_url(server.url) as admin:
        rights = ("~*", "-@all", "+hget", "+hset", "+evalsha", "+script|load", "+hello", "+auth")
        admin.execute_command("ACL", "SETUSER", "few", "on", ">secret", *rights)
    given = {"SONGPRINT_REDIS__USERNAME": "few", "SONGPRINT_REDIS__PASSWORD": "secret"}
    with states(server, **given) as cache:
        assert cache.claim(0, None, W1, empty=False)
        with pytest.raises(Stop, match="refuses this user"):
            cache.write(0, W1, W2, {b"u": None})
