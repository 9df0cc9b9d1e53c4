"""Cache writes behind the loop's back: one batch at a time, and none that fails unseen."""

import threading
from collections.abc import Iterator, Mapping

import pytest

from worker.adapters.memory import MemoryStates
from worker.cache_writer import CacheUpdate, CacheWriter
from worker.errors import Retry


class HeldStates(MemoryStates):
    """Writes wait until `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()

    def write(self, partition: int, watermark: bytes, successor: bytes, states: Mapping[bytes, bytes | None]) -> bool:
        assert self.go.wait(30)
        return super().write(partition, watermark, successor, states)


class AwayStates(MemoryStates):
    def write(self, partition: int, watermark: bytes, successor: bytes, states: Mapping[bytes, bytes | None]) -> bool:
        raise Retry("Redis is away", "redis")


@pytest.fixture
def cache() -> HeldStates:
    cache = HeldStates()
    for partition in range(3):
        cache.claim(partition, None, b"w0", empty=True)
    return cache


@pytest.fixture
def writer(cache: HeldStates) -> Iterator[CacheWriter]:
    writer = CacheWriter(cache, lambda _seconds: None)
    yield writer
    cache.go.set()
    writer.close()


def update(partition: int, watermark: bytes, successor: bytes, state: bytes = b"state") -> CacheUpdate:
    return CacheUpdate(partition, watermark, successor, {b"u": state})


def test_submit_does_not_wait_and_settle_does(cache: HeldStates, writer: CacheWriter) -> None:
    writer.submit([update(0, b"w0", b"w1"), update(1, b"w0", b"w1")])
    assert cache.watermark(0) == b"w0", "the write still waits while the loop goes on"
    cache.go.set()
    writer.settle()
    assert cache.read(0, b"w1", [b"u"]) == [b"state"]
    assert cache.read(1, b"w1", [b"u"]) == [b"state"]


def test_batches_are_written_one_after_the_other(cache: HeldStates, writer: CacheWriter) -> None:
    cache.go.set()
    for number in range(20):
        writer.submit([update(0, b"w%d" % number, b"w%d" % (number + 1), b"%d" % number)])
    writer.settle()
    assert cache.read(0, b"w20", [b"u"]) == [b"19"]


def test_a_refused_write_is_told_with_its_partitions_and_only_once(cache: HeldStates, writer: CacheWriter) -> None:
    cache.go.set()
    writer.submit([update(0, b"w0", b"w1"), update(1, b"stale", b"w1"), update(2, b"stale", b"w1")])
    with pytest.raises(Retry, match=r"partitions \[1, 2\]") as caught:
        writer.settle()
    assert caught.value.part == "redis"
    assert cache.watermark(0) == b"w1", "the others are written"
    writer.settle()


def test_the_next_submit_tells_it_too(cache: HeldStates, writer: CacheWriter) -> None:
    cache.go.set()
    writer.submit([update(0, b"stale", b"w1")])
    with pytest.raises(Retry):
        writer.submit([update(1, b"w0", b"w1")])
    writer.settle()
    assert cache.watermark(1) == b"w0", "what came after a failure is not written"


def test_an_outage_reaches_whoever_settles() -> None:
    writer = CacheWriter(AwayStates(), lambda _seconds: None)
    writer.submit([update(0, b"w0", b"w1")])
    with pytest.raises(Retry, match="Redis is away"):
        writer.settle()
    writer.close()


def test_closing_waits_for_what_is_on_its_way(cache: HeldStates) -> None:
    writer = CacheWriter(cache, lambda _seconds: None)
    writer.submit([update(0, b"w0", b"w1")])
    threading.Timer(0, cache.go.set).start()
    writer.close()
    assert cache.watermark(0) == b"w1"
