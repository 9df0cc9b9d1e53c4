"""The worker's loop: poll, read, label, publish, commit, cache; and what to do when one of them fails."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from worker.adapters.ports import Records, Sink, Source, StateCache
from worker.backoff import Backoff
from worker.cache_writer import CacheUpdate, CacheWriter
from worker.contract.user_state import UserState, unpack
from worker.dead_letter import dead_letter
from worker.errors import Reject, Retry, Stop
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.ownership import Partitions
from worker.pipeline import Decoded, Pipeline, Poisoned
from worker.watermark import Watermark

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.2
CACHE_CHECK_SECONDS = 30.0

Changed = dict[int, dict[bytes, UserState | None]]


class Worker:
    """One member of the group. Everything runs on the thread that calls `run`, but inference and the cache writes."""

    def __init__(
        self,
        source: Source,
        sink: Sink,
        cache: StateCache,
        pipeline: Pipeline,
        writer: CacheWriter,
        backoff: Backoff,
        partitions: Callable[[Callable[[], None]], Partitions],
        metrics: Metrics,
        health: Health,
        *,
        topic: str,
        max_events: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._source = source
        self._sink = sink
        self._cache = cache
        self._pipeline = pipeline
        self._writer = writer
        self._backoff = backoff
        self._partitions = partitions(self._end_transaction)
        self._metrics = metrics
        self._health = health
        self._topic = topic
        self._max_events = max_events
        self._clock = clock
        self._stopping = threading.Event()
        self._broken = False  # a transaction failed, and the sink has to recover before the next
        self._cache_checked = time.monotonic()

    def stop(self) -> None:
        """Finish the batch under way and return from `run`; safe in a signal handler."""
        self._stopping.set()

    def run(self) -> None:
        """Works until `stop`. Raises Stop when a person has to change something."""
        try:
            self._cache.check()
            self._sink.open()
            self._source.subscribe(self._partitions)
            while not self._stopping.is_set():
                self._turn()
        finally:
            self._close()

    def _turn(self) -> None:
        try:
            records = self._source.poll(self._max_events, self._patience())
            self._health.polled()
            if not self._backoff.remaining:
                self._end_transaction()
                if records is not None:
                    self._process(records)
                else:
                    self._idle()
                self._partitions.restore_some()
        except Retry as problem:
            self._step_back(problem)
        self._report()

    def _patience(self) -> float:
        """How long a poll may wait: not at all while partitions are to be restored."""
        if self._backoff.remaining:
            return min(IDLE_SECONDS, self._backoff.remaining)
        return 0.0 if self._partitions.restoring else IDLE_SECONDS

    def _process(self, records: Records) -> None:
        started = self._clock()
        with self._timed("decode"):
            decoded = self._pipeline.decode(records)
        with self._timed("read"):
            before = self._states(records, decoded)
        changed = self._transact(records, decoded, before)
        self._backoff.succeeded()
        self._metrics.batch(records, started, self._clock())

    def _states(self, records: Records, decoded: Decoded) -> Mapping[int, Mapping[bytes, UserState | None]]:
        """The states of all users of the batch, read from the cache where they are not held in process."""
        hot = {partition: self._partitions[partition].hot for partition in set(records.partitions)}
        for states in hot.values():
            states.age()
        young = {partition: states.young for partition, states in hot.items()}
        wanted: dict[int, dict[bytes, None]] = {partition: {} for partition in hot}
        for partition, key, event in zip(records.partitions, records.keys, decoded.events, strict=True):
            if key not in young[partition] and key is not None and type(event) is not Reject:
                wanted[partition][key] = None
        for partition, users in wanted.items():
            absent = hot[partition].absent(users)
            if absent:
                hot[partition].put(self._read(partition, absent))
        return young

    def _read(self, partition: int, users: list[bytes]) -> dict[bytes, UserState | None]:
        self._writer.settle()
        packed = self._cache.read(partition, self._partitions[partition].watermark.encode(), users)
        if packed is None:
            raise Retry(f"Redis no longer holds the complete copy of partition {partition}", "redis")
        states: dict[bytes, UserState | None] = dict.fromkeys(users)
        found = {user: state for user, state in zip(users, packed, strict=True) if state is not None}
        try:
            states.update(zip(found, unpack(list(found.values()), self._pipeline.model.vocabulary), strict=True))
        except ValueError as error:
            raise Stop(f"partition {partition} in Redis: {error}") from error
        self._metrics.cache_read(hits=len(found), misses=len(users) - len(found))
        return states

    def _transact(
        self, records: Records, decoded: Decoded, before: Mapping[int, Mapping[bytes, UserState | None]]
    ) -> None:
        """Publishes and commits one batch, all or nothing, and sends the new states on their way to the cache."""
        ends = records.ends()
        self._broken = True  # until the commit has gone through
        changed = self._publish(records, decoded, before)
        packed = {
            partition: {user: None if state is None else state.pack() for user, state in users.items()}
            for partition, users in changed.items()
        }
        with self._timed("commit"):
            positions = self._sink.commit(packed, ends, records.member)
        self._broken = False
        updates = []
        for partition, end in ends.items():
            owned = self._partitions[partition]
            mark = owned.watermark
            successor = Watermark(mark.identity, end, positions.get(partition, mark.position), int(self._clock()))
            updates.append(CacheUpdate(partition, mark.encode(), successor.encode(), packed[partition]))
            owned.hot.put(changed[partition])
            owned.advance(successor)
        with self._timed("cache"):
            self._writer.submit(updates)

    def _publish(
        self, records: Records, decoded: Decoded, before: Mapping[int, Mapping[bytes, UserState | None]]
    ) -> Changed:
        while True:  # once more for every poisoned event found, each of which is a dead letter the next time
            changed: Changed = {partition: {} for partition in before}
            self._sink.begin()
            try:
                with self._timed("label"):
                    for outputs in self._pipeline.process(records, decoded, before, changed):
                        self._sink.publish(outputs.records)
                        for rejected in outputs.rejected:
                            self._sink.bury(dead_letter(self._topic, records, rejected))
                        self._metrics.chunk(outputs)
                return changed
            except Poisoned as problem:
                log.error("inference failed", extra={"events": len(problem.indexes), "cause": str(problem.cause)})
                decoded.poison(problem)
                self._sink.recover()

    def _idle(self) -> None:
        self._writer.settle()
        if time.monotonic() - self._cache_checked > CACHE_CHECK_SECONDS:
            self._cache_checked = time.monotonic()
            self._cache.check()

    def _step_back(self, problem: Retry) -> None:
        """Something is away: nothing of the batch stays, and every partition is restored before it goes on."""
        wait = self._backoff.wait()
        log.warning("stepping back", extra={"cause": str(problem), "seconds": round(wait, 3)})
        self._metrics.retried(problem.part)
        self._partitions.distrust(self._partitions.owned)

    def _end_transaction(self) -> None:
        """Makes the sink ready for the next transaction; a transaction that failed is aborted."""
        if self._broken:
            self._sink.recover()
            self._broken = False
            self._metrics.aborted()

    def _close(self) -> None:
        """Leaves nothing open: what was committed gets into the cache, partitions are given back, clients closed."""
        try:
            self._writer.settle()
        except Retry as problem:
            log.warning("the cache lacks the last batch; the next owner restores it", extra={"cause": str(problem)})
        for close in (
            self._source.close,
            self._sink.close,
            self._writer.close,
            self._pipeline.close,
            self._cache.close,
        ):
            close()
