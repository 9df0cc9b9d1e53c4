"""The loop on fakes: what happens while a batch is still on its way."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from tests.stream import PATIENCE
from worker.adapters.memory import Event, MemoryBroker, MemoryChangelog, MemorySink, MemorySource, MemoryStates
from worker.adapters.ports import NO_OFFSET, NOWHERE, Committed, Records
from worker.backoff import Backoff
from worker.contract.features import Features
from worker.contract.user_label import Abstention
from worker.contract.vocabulary import Vocabulary, song_keys
from worker.loop import BACKLOG, Bounds, Observers, Ports, Worker
from worker.observe.health import Health
from worker.observe.metrics import DescribedModel, Metrics
from worker.pipeline import Pipeline, Policy
from worker.restore import Restorer
from worker.watermark import Identity

VOCABULARY = Vocabulary(np.sort(song_keys(["s1"])))


@dataclass
class Model:
    """Puts everybody into its last cluster."""

    version: str
    clusters: int
    genders: Sequence[str] = ("f", "m")
    abstention: Abstention = field(default_factory=lambda: Abstention(0.6, 1))
    vocabulary: Vocabulary = VOCABULARY
    created: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    distribution: Mapping[str, object] = field(default_factory=dict)
    load_seconds: float = 0.0

    @property
    def cluster_names(self) -> Sequence[str]:
        return [f"cluster {number}" for number in range(self.clusters)]

    def run(self, features: Features) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        users = len(features.song_counts)
        return np.full((users, 2), 0.5, np.float32), np.tile(np.eye(self.clusters, dtype=np.float32)[-1], (users, 1))


class Watch:
    """Has found what it is told, once."""

    def __init__(self) -> None:
        self.found: DescribedModel | None = None

    def poll(self) -> DescribedModel | Literal["refused"] | None:
        found, self.found = self.found, None
        return found

    def close(self) -> None: ...


class HeldSink(MemorySink):
    """Commits wait until they may."""

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker)
        self.go = threading.Event()

    def commit(
        self,
        states: Mapping[int, Mapping[bytes, bytes | None]],
        ends: Mapping[int, int],
        member: object,
        positions: Mapping[int, int] = NOWHERE,
    ) -> dict[int, int]:
        assert self.go.wait(PATIENCE)
        return super().commit(states, ends, member, positions)


class NotingSource(MemorySource):
    """Notes how far the broker's committed offset was at each poll."""

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker)
        self.committed_at_poll: list[int] = []

    def poll(self, limit: int, timeout: float) -> Records | None:
        self.committed_at_poll.append(self._broker.committed.get(0, Committed(NO_OFFSET)).offset)
        return super().poll(limit, timeout)


class Bench:
    def __init__(self) -> None:
        self.broker, self.watch, self.registry = MemoryBroker(1), Watch(), CollectorRegistry()
        self.sink = HeldSink(self.broker)
        self.source = source = NotingSource(self.broker)
        cache, metrics = MemoryStates(), Metrics(self.registry)
        first = Model("first", clusters=5)
        metrics.model(first, 0.0, 0.0)
        self.worker = Worker(
            Ports(source, self.sink, cache),
            Restorer(source, MemoryChangelog(self.broker), cache, Identity("c", "e", "s", 1), 1_000, lambda: 0.0),
            lambda model: Pipeline(model, Policy(100, 10_000, labelling_default=True, chunk_events=100)),
            first,
            self.watch,  # type: ignore[arg-type]  # as much of it as the loop asks for
            Observers(metrics, Health(lambda: 0.0)),
            lambda: Backoff(0.0, 0.0, 0.0, lambda: 0.0, lambda: 0.0),
            Bounds(events=BACKLOG, hot_bytes=1 << 20, relabel_rate=0.0),
            "events",
        )
        source.subscribe(self.worker._partitions)
        while self.worker._partitions.unready or not self.worker._partitions.owned:
            self.worker._turn()

    def send(self) -> None:
        self.broker.events[0].append(Event(b"u", b'{"type":"change","add":["s1"]}'))

    def labelled(self, cluster: int) -> float | None:
        return self.registry.get_sample_value("songprint_cluster_labels_total", {"cluster": str(cluster)})


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.sink.go.set()
    bench.worker.stop()
    bench.worker.run()


def test_what_is_on_its_way_when_the_model_changes_is_counted_as_the_old_ones(bench: Bench) -> None:
    """The new one has fewer clusters: the old one's last is none of them."""
    bench.send()
    bench.watch.found = Model("second", clusters=2)
    threading.Timer(0.2, bench.sink.go.set).start()  # while the swap waits for the commit; any time would do
    bench.worker._turn()
    bench.send()
    bench.worker._turn()
    bench.worker._transactions.settle()
    assert [record[1] is not None and b'"model":"second"' in record[1] for record in bench.broker.labels] == [
        False,
        True,
    ]
    assert (bench.labelled(1), bench.labelled(4)) == (1, None)


def test_events_gather_while_a_small_batch_is_committed(bench: Bench) -> None:
    bench.send()
    bench.worker._turn()
    threading.Timer(0.2, bench.sink.go.set).start()  # while the turn waits for the commit; any time would do
    bench.worker._turn()
    assert bench.source.committed_at_poll[-1] == 1


def test_under_backlog_the_next_batch_is_polled_while_the_one_before_is_committed(bench: Bench) -> None:
    for _ in range(BACKLOG + 1):
        bench.send()
    bench.worker._turn()
    threading.Timer(0.2, bench.sink.go.set).start()  # while the second batch waits for its transaction
    bench.worker._turn()
    assert bench.source.committed_at_poll[-1] == NO_OFFSET
    bench.worker._transactions.settle()
    assert bench.broker.committed[0].offset == BACKLOG + 1
