"""Writing committed states to the cache while the next batch is under way."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from worker.adapters.ports import StateCache
from worker.errors import Retry


class CacheUpdate(NamedTuple):
    """What one committed batch means for one partition's copy."""

    partition: int
    watermark: bytes
    successor: bytes
    states: Mapping[bytes, bytes | None]


class CacheWriter:
    """At most one batch of updates is on its way; `settle` waits for it and tells how it went.

    Args:
        timed: is told how many seconds each batch of updates took.
    """

    def __init__(self, cache: StateCache, timed: Callable[[float], None]) -> None:
        self._cache = cache
        self._timed = timed
        self._thread = ThreadPoolExecutor(1, "cache-writer")
        self._pending: Future[list[int]] | None = None

    def submit(self, updates: Sequence[CacheUpdate]) -> None:
        self.settle()
        self._pending = self._thread.submit(self._write, updates)

    def settle(self) -> None:
        """Returns once everything submitted is in the cache. Raises Retry if it is not, for whatever reason."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        refused = pending.result()
        if refused:
            raise Retry(f"Redis no longer holds what this worker wrote last for partitions {refused}", "redis")

    def _write(self, updates: Sequence[CacheUpdate]) -> list[int]:
        started = time.perf_counter()
        refused = [update.partition for update in updates if not self._cache.write(*update)]
        self._timed(time.perf_counter() - started)
        return refused

    def close(self) -> None:
        self._thread.shutdown()
