"""One transaction at a time: outputs, states and input offsets together, and what follows from a commit."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import msgspec

from worker.adapters.ports import DeadLetter, OutputRecord, Sink
from worker.cache_writer import CacheUpdate, CacheWriter
from worker.errors import Retry
from worker.observe.metrics import Metrics
from worker.partition import OwnedPartition
from worker.pipeline import Changes
from worker.watermark import MODEL_KEY

log = logging.getLogger(__name__)


class _Commit(NamedTuple):
    """A commit under way, and what is to be done once it is through."""

    outcome: Future[tuple[dict[int, int], float]]
    """Ends of the changelog, and when the commit was through."""
    owned: Mapping[int, OwnedPartition]
    packed: Mapping[int, Mapping[bytes, bytes | None]]
    ends: Mapping[int, int]
    labelled_by: Mapping[int, str]
    done: Callable[[float], None]


class Transactions:
    """Begins, fills, commits or ends transactions, and moves the partitions and their cache on with each commit.

    Brokers take their time for a commit. It goes on in a thread while the next batch is polled, decoded and labelled,
    and that batch's transaction begins only when it is through: `begin`, `settle` and `end` wait for it. Until then the
    partitions' watermarks stay where they were, so whatever depends on one has to call `settle` first.
    """

    def __init__(
        self, sink: Sink, writer: CacheWriter, metrics: Metrics, clock: Callable[[], float] = time.time
    ) -> None:
        self._sink = sink
        self._writer = writer
        self._metrics = metrics
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "committer")
        self._ready = False
        self._open = False  # one is under way, or failed and is not aborted yet
        self._commit: _Commit | None = None

    @property
    def committing(self) -> bool:
        return self._commit is not None

    def prepare(self) -> None:
        """Makes sure that one can begin: takes over the transactional id at first, aborts what has failed later."""
        if not self._ready:
            self._sink.open()
            self._ready = True
        if self._commit is None:
            self._abort()

    def begin(self) -> None:
        self.finish()
        self._open = True
        self._sink.begin()

    def publish(self, records: Iterable[OutputRecord]) -> None:
        self._sink.publish(records)

    def bury(self, letter: DeadLetter) -> None:
        self._sink.bury(letter)

    def commit(
        self,
        owned: Mapping[int, OwnedPartition],
        changed: Changes,
        ends: Mapping[int, int],
        labelled_by: Mapping[int, str],
        member: object,
        done: Callable[[float], None],
    ) -> None:
        """Sets off the commit. Once it is through, every partition of `ends` is moved to its end, its states are sent
        on their way to the cache, and `done` is called with the time of the commit, seconds since 1970.

        `labelled_by` tells for some partitions which model all labels are of from now on.
        """
        packed = {
            partition: {user: None if state is None else state.pack() for user, state in users.items()}
            for partition, users in changed.items()
        }
        published: dict[int, Mapping[bytes, bytes | None]] = {**packed}
        for partition, model in labelled_by.items():
            published[partition] = {**packed.get(partition, {}), MODEL_KEY: model.encode()}
        for partition, users in changed.items():
            # Already what the next batch builds on: if the commit fails, all that is held in process is forgotten.
            owned[partition].hot.put(users)
            owned[partition].unlabelled = False
        positions = {partition: owned[partition].watermark.position for partition in ends}
        outcome = self._thread.submit(self._timed_commit, published, ends, member, positions)
        self._commit = _Commit(outcome, owned, packed, ends, labelled_by, done)

    def _timed_commit(
        self,
        published: Mapping[int, Mapping[bytes, bytes | None]],
        ends: Mapping[int, int],
        member: object,
        positions: Mapping[int, int],
    ) -> tuple[dict[int, int], float]:
        started = time.perf_counter()
        reached = self._sink.commit(published, ends, member, positions)
        self._metrics.stage("commit", time.perf_counter() - started)
        return reached, self._clock()

    def finish(self) -> None:
        """Returns once nothing is on its way to be committed. Raises what the commit has failed with."""
        commit, self._commit = self._commit, None
        if commit is None:
            return
        positions, at = commit.outcome.result()
        self._open = False
        updates = []
        for partition, end in commit.ends.items():
            mark = commit.owned[partition].watermark
            successor = msgspec.structs.replace(
                mark,
                offset=end,
                position=positions.get(partition, mark.position),
                labelled_by=commit.labelled_by.get(partition, mark.labelled_by),
                at=int(at),
            )
            states = commit.packed.get(partition, {})
            updates.append(CacheUpdate(partition, mark.encode(), successor.encode(), states))
            commit.owned[partition].advance(successor)
        try:
            self._writer.submit(updates)
        finally:
            commit.done(at)

    def settle(self) -> None:
        """Returns once everything that was to be committed is, and is in the cache. Raises Retry otherwise."""
        self.finish()
        self._writer.settle()

    def abandon(self) -> None:
        """Waits for the outcome of a commit under way, whatever it is; the next `prepare` aborts what has failed."""
        try:
            self.finish()
        except Retry as problem:
            log.warning("the commit under way has failed as well", extra={"cause": str(problem)})

    def end(self) -> None:
        """Leaves nothing open: what is on its way is committed, what is not, or has failed, is aborted.

        Raises Retry if a commit has failed, or if the abort does.
        """
        try:
            self.finish()
        finally:
            self._abort()

    def _abort(self) -> None:
        if self._open:
            self._sink.recover()
            self._open = False
            self._metrics.aborted()

    def close(self) -> None:
        self._thread.shutdown()
