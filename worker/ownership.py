"""Which partitions this worker owns, and which of them still have to be restored."""

import logging
from collections.abc import Collection, Mapping, Sequence

from worker.adapters.ports import Source
from worker.backoff import Backoff
from worker.errors import Retry
from worker.observe.metrics import Metrics
from worker.partition import OwnedPartition
from worker.restore import Restored, Restorer
from worker.running_restore import RunningRestore
from worker.transactions import Transactions

log = logging.getLogger(__name__)


class Partitions:
    """The owned partitions; told about rebalances by the source (`Ownership`), restored step by step by the loop."""

    def __init__(
        self,
        source: Source,
        restorer: Restorer,
        transactions: Transactions,
        backoff: Backoff,
        metrics: Metrics,
        hot_capacity: int,
    ) -> None:
        self._source = source
        self._restorer = restorer
        self._transactions = transactions
        self._backoff = backoff
        self._metrics = metrics
        self._hot_capacity = hot_capacity
        self._owned: dict[int, OwnedPartition] = {}
        self._restore: RunningRestore | None = None

    @property
    def owned(self) -> Mapping[int, OwnedPartition]:
        return self._owned

    @property
    def unready(self) -> Sequence[int]:
        """Partitions that are not restored yet."""
        return [number for number, partition in self._owned.items() if not partition.ready]

    @property
    def restoring(self) -> bool:
        """Whether there is a restore to go on with right now."""
        return not self._backoff.remaining and bool(self.unready)

    @property
    def hot_bytes(self) -> int:
        """About how many bytes of states are held in process."""
        return sum(partition.hot.bytes for partition in self._owned.values())

    def assigned(self, partitions: Sequence[int]) -> None:
        log.info("partitions assigned", extra={"partitions": partitions})
        for number in partitions:
            self._owned[number] = OwnedPartition(number, self._hot_capacity)

    def revoked(self, partitions: Sequence[int]) -> None:
        """Before this returns, the last batch is committed or aborted, and what was committed is in the cache."""
        log.info("partitions revoked", extra={"partitions": partitions})
        self._leave(partitions)

    def lost(self, partitions: Sequence[int]) -> None:
        """Someone else owns them already: what is open is aborted. A commit that is under way fails by itself, since it
        goes along with the membership as it was, unless the broker took it while that was still good.
        """
        log.warning("partitions lost", extra={"partitions": partitions})
        self._leave(partitions)

    def _leave(self, partitions: Sequence[int]) -> None:
        try:
            self._transactions.end()
            self._transactions.settle()
        except Retry as problem:
            # The next owner restores what the cache lacks; an open transaction of this member can no longer commit.
            log.warning("could not finish before the partitions left", extra={"cause": str(problem)})
            self._drop(partitions)
            self.distrust(list(self._owned))
        else:
            self._drop(partitions)

    def _drop(self, partitions: Sequence[int]) -> None:
        if self._restore and self._restore.partition in partitions:
            self._abandon_restore()
        for number in partitions:
            self._owned.pop(number, None)
            self._metrics.revoked(number)

    def distrust(self, partitions: Collection[int]) -> None:
        """Pause these partitions and restore them before their next event."""
        if self._restore and self._restore.partition in partitions:
            self._abandon_restore()
        for number in partitions:
            self._owned[number].distrust()
        self._source.pause(partitions)

    def restore_some(self) -> None:
        """One bounded step towards readiness; nothing to do if all are ready, or if it is not yet time to try again."""
        if self._backoff.remaining:
            return
        if self._restore is None:
            unready = self.unready
            if not unready:
                return
            self._restore = RunningRestore(unready[0], self._restorer.restore(unready[0]), self._metrics)
        restore = self._restore
        try:
            restored = restore.step()
        except Retry as problem:
            self._restore = None
            wait = self._backoff.wait()
            self._metrics.retried(problem.part)
            about = {"partition": restore.partition, "cause": str(problem), "seconds": wait}
            log.warning("restore has to wait", extra=about)
            return
        if restored is not None:
            self._restore = None
            self._finish(restore.partition, restored, restore.seconds)

    def _finish(self, number: int, restored: Restored, seconds: float) -> None:
        self._owned[number].restored(restored.watermark, unlabelled=restored.unlabelled)
        self._source.resume(number, restored.watermark.offset)
        self._backoff.succeeded()
        self._metrics.restored(restored.kind, seconds)
        log.info(
            "partition restored",
            extra={
                "partition": number,
                "kind": restored.kind,
                "records": restored.records,
                "offset": restored.watermark.offset,
                "seconds": round(seconds, 3),
            },
        )

    def _abandon_restore(self) -> None:
        if self._restore is not None:
            self._restore.abandon()
            self._restore = None
