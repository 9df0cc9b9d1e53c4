"""A Redis that begins to evict while the worker runs: what it has dropped is missed at once, and it is refused soon."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError

from deploy.local.redis import start_redis
from tests.integration.own_settings import own_settings
from tests.stream import PATIENCE, Stream, eventually
from worker.watermark import Watermark

LOOKS_OFTEN = """
import sys
from worker import loop
from worker.__main__ import main
loop.CACHE_CHECK_SECONDS = 0.2
sys.exit(main())
"""
"""The worker as it is, but that it looks at its Redis five times a second."""
FULL_RESTORES = 'songprint_restores_total{kind="full"}'


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Redis]:
    with start_redis(tmp_path / "cache") as running, Redis.from_url(running.url) as client:
        yield client


@pytest.fixture
def stream(kafka: str, operator: Redis, topic_prefix: str, small_bundle: Path, tmp_path: Path) -> Stream:
    """One partition, no states in process: every event asks Redis for what is known of its user."""
    port = operator.connection_pool.connection_kwargs["port"]
    settings = own_settings(topic_prefix, kafka, f"redis://127.0.0.1:{port}/0", small_bundle)
    made = Stream(settings | {"SONGPRINT_POLICY__MAX_HOT_BYTES": "0", "SONGPRINT_RETRY__MAX_MS": "500"}, tmp_path)
    made.create_topics(1)
    return made


def add(stream: Stream, *songs: str, user: str = "u") -> None:
    for song in songs:
        stream.send(user, {"type": "change", "add": [song]})
    stream.flush()


def cached_to(stream: Stream) -> int:
    watermark = Watermark.decode(stream.cache.watermark(0))
    return -1 if watermark is None else watermark.offset


def evict_all(stream: Stream, operator: Redis, events: int) -> None:
    """Until there is nothing left to evict; the policy stays."""
    eventually(lambda: cached_to(stream) == events, "the states are in Redis")
    operator.config_set("maxmemory-policy", "allkeys-lru")
    operator.config_set("maxmemory", 1)
    with pytest.raises(OutOfMemoryError):
        operator.set("another", "tenant")
    assert operator.info("stats")["evicted_keys"] > 0
    assert operator.dbsize() == 0


def mend(operator: Redis) -> None:
    operator.config_set("maxmemory", 0)
    operator.config_set("maxmemory-policy", "noeviction")


def test_a_user_who_was_evicted_is_no_new_user(stream: Stream, operator: Redis) -> None:
    """The policy is as it should be again before the worker looks: only that the watermark went too can tell it."""
    with stream.worker() as worker:
        add(stream, "s1", "s2")
        for count in (3, 4, 5):  # batches of their own, after which nothing of the user is left in process
            stream.labels(count - 1)
            add(stream, "s1", user="v")
        stream.labels(5)
        restores = worker.metric(FULL_RESTORES)
        evict_all(stream, operator, 5)
        mend(operator)
        add(stream, "s3")
        labels = [record for record in stream.labels(6) if record.key == b"u"]
        eventually(lambda: worker.metric(FULL_RESTORES) > restores, "what was evicted is restored")
    assert [record.label["songs"] for record in labels] == [1, 2, 3]


def test_a_redis_that_evicts_stops_the_worker_and_is_not_believed(stream: Stream, operator: Redis) -> None:
    with stream.worker(command=("-c", LOOKS_OFTEN)) as worker:
        add(stream, "s1", "s2")
        stream.labels(2)
        evict_all(stream, operator, 2)
        add(stream, "s3")
        assert worker.process.wait(PATIENCE) == 1
        error = worker.output()[worker.output().rindex("error: ") :]
    assert "maxmemory-policy 'allkeys-lru'" in error
    assert "set maxmemory-policy to noeviction" in error
    mend(operator)
    with stream.worker():
        labels = stream.labels(3)
    assert [record.label["songs"] for record in labels] == [1, 2, 3], "nothing lost, nothing of a user half forgotten"
