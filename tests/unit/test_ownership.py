"""Owned partitions: what a failure of some means for the others."""

from collections.abc import Generator

import pytest
from prometheus_client import CollectorRegistry

from worker.adapters.memory import MemoryBroker, MemorySink, MemorySource, MemoryStates
from worker.backoff import Backoff
from worker.cache_writer import CacheWriter
from worker.observe.metrics import Metrics
from worker.ownership import Partitions
from worker.restore import Progress, Restored
from worker.transactions import Transactions
from worker.watermark import Identity, Watermark

WATERMARK = Watermark(Identity("c", "e", "s", 2), 0, 0, "", 0)


class Restorer:
    """Restores partition 0 at once, and any other in three steps."""

    def __init__(self) -> None:
        self.begun: list[int] = []

    def restore(self, partition: int) -> Generator[Progress | None, None, Restored]:
        self.begun.append(partition)
        for step in range(3 if partition else 0):
            yield Progress(step, step / 3)
        return Restored(WATERMARK, "full", 3, unlabelled=False)


@pytest.mark.parametrize(("distrusted", "begun"), [([0], [0, 1, 0]), ([0, 1], [0, 1, 0, 1])])
def test_a_restore_goes_on_unless_its_own_partition_is_distrusted(distrusted: list[int], begun: list[int]) -> None:
    """Or it would never come to an end where something else fails again and again."""
    metrics, restorer = Metrics(CollectorRegistry()), Restorer()
    source = MemorySource(MemoryBroker(2))
    transactions = Transactions(MemorySink(MemoryBroker(2)), CacheWriter(MemoryStates(), lambda _: None), metrics)
    backoff = Backoff(0.0, 0.0, 0.0, lambda: 0.0, lambda: 0.0)
    partitions = Partitions(source, restorer, transactions, backoff, metrics, 1_000)  # type: ignore[arg-type]
    source.subscribe(partitions)
    source.poll(1, 0)
    while partitions.unready != [1] or len(restorer.begun) < 2:
        partitions.restore_some()
    partitions.distrust(distrusted)
    while partitions.unready:
        partitions.restore_some()
    assert restorer.begun == begun
