"""One transaction at a time: outputs, states and input offsets together, and what follows from a commit."""

import time
from collections.abc import Callable, Iterable, Mapping

import msgspec

from worker.adapters.ports import DeadLetter, OutputRecord, Sink
from worker.cache_writer import CacheUpdate, CacheWriter
from worker.observe.metrics import Metrics
from worker.partition import OwnedPartition
from worker.pipeline import Changes
from worker.watermark import MODEL_KEY


class Transactions:
    """Begins, fills, commits or ends transactions, and moves the partitions and their cache on with each commit."""

    def __init__(
        self, sink: Sink, writer: CacheWriter, metrics: Metrics, clock: Callable[[], float] = time.time
    ) -> None:
        self._sink = sink
        self._writer = writer
        self._metrics = metrics
        self._clock = clock
        self._ready = False
        self._open = False  # one is under way, or failed and is not aborted yet

    def prepare(self) -> None:
        """Makes sure that one can begin: takes over the transactional id at first, aborts what is still open later."""
        if not self._ready:
            self._sink.open()
            self._ready = True
        self.end()

    def begin(self) -> None:
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
    ) -> None:
        """Commits, then moves every partition of `ends` to its end and sends its states on their way to the cache.

        `labelled_by` tells for some partitions which model all labels are of from now on.
        """
        packed = {
            partition: {user: None if state is None else state.pack() for user, state in users.items()}
            for partition, users in changed.items()
        }
        published: dict[int, Mapping[bytes, bytes | None]] = {**packed}
        for partition, model in labelled_by.items():
            published[partition] = {**packed.get(partition, {}), MODEL_KEY: model.encode()}
        positions = self._sink.commit(published, ends, member)
        self._open = False
        updates = []
        for partition, end in ends.items():
            mark = owned[partition].watermark
            successor = msgspec.structs.replace(
                mark,
                offset=end,
                position=positions.get(partition, mark.position),
                labelled_by=labelled_by.get(partition, mark.labelled_by),
                at=int(self._clock()),
            )
            updates.append(CacheUpdate(partition, mark.encode(), successor.encode(), packed.get(partition, {})))
            owned[partition].advance(successor, changed.get(partition, {}))
        self._writer.submit(updates)

    def end(self) -> None:
        """Aborts the transaction if one is open: it failed, or its partitions are leaving."""
        if self._open:
            self._sink.recover()
            self._open = False
            self._metrics.aborted()
