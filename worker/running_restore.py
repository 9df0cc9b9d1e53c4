"""A restore under way: one step at a time, and from time to time a word on how far it is."""

import logging
import time
from collections.abc import Callable, Generator

from worker.observe.metrics import Metrics
from worker.restore import Progress, Restored

log = logging.getLogger(__name__)

TELL_SECONDS = 5.0


class RunningRestore:
    """The restore of one partition.

    Args:
        steps: as `Restorer.restore` makes them.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        partition: int,
        steps: Generator[Progress | None, None, Restored],
        metrics: Metrics,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.partition = partition
        self._steps = steps
        self._metrics = metrics
        self._clock = clock
        self._started = self._told = clock()
        self._counted = 0

    @property
    def seconds(self) -> float:
        """Since it began."""
        return self._clock() - self._started

    def step(self) -> Restored | None:
        """One bounded step. Returns how it ended, once it has; raises what stands in its way."""
        try:
            progress = next(self._steps)
        except StopIteration as finished:
            restored: Restored = finished.value
            self._count(restored.records)
            return restored
        if progress is not None:
            self._count(progress.records)
        if self._clock() - self._told >= TELL_SECONDS:
            self._told = self._clock()
            self._tell(progress)
        return None

    def abandon(self) -> None:
        self._steps.close()

    def _count(self, records: int) -> None:
        self._metrics.restoring(records - self._counted)
        self._counted = records

    def _tell(self, progress: Progress | None) -> None:
        about = {"partition": self.partition, "seconds": round(self.seconds, 1)}
        if progress is None:
            log.info("the restore waits for an open transaction to end", extra=about)
            return
        rate = round(progress.records / self.seconds)
        share = round(progress.share, 3)
        log.info("restoring", extra={**about, "records": progress.records, "per_second": rate, "share": share})
