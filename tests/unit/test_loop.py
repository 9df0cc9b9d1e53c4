"""The loop on fakes: what happens while a batch is still on its way."""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from tests.stream import PATIENCE
from worker import loop
from worker.adapters.memory import Event, MemoryBroker, MemoryChangelog, MemorySink, MemorySource, MemoryStates
from worker.adapters.ports import NO_OFFSET, NOWHERE, Committed, OutputRecord, Records
from worker.backoff import Backoff
from worker.contract.features import Features
from worker.contract.user_label import Abstention
from worker.contract.vocabulary import Vocabulary, song_keys
from worker.errors import Retry, Stop
from worker.loop import BACKLOG, Bounds, Observers, Ports, Worker
from worker.observe.health import Health
from worker.observe.metrics import STAGES, DescribedModel, Metrics
from worker.pipeline import Pipeline, Policy
from worker.restore import Restorer
from worker.watermark import MODEL_KEY, Identity, Watermark

HOT_BYTES = 1 << 20
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
    rows: list[int] = field(default_factory=list)
    """Of the songs that it was asked about."""

    @property
    def cluster_names(self) -> Sequence[str]:
        return [f"cluster {number}" for number in range(self.clusters)]

    def run(self, features: Features) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        self.rows += features.song_rows.tolist()
        users = len(features.song_counts)
        return np.full((users, 2), 0.5, np.float32), np.tile(np.eye(self.clusters, dtype=np.float32)[-1], (users, 1))


class Watch:
    """Has found what it is told, once."""

    def __init__(self) -> None:
        self.found: DescribedModel | Literal["refused"] | None = None

    def poll(self) -> DescribedModel | Literal["refused"] | None:
        found, self.found = self.found, None
        return found

    def close(self) -> None: ...


class HeldSink(MemorySink):
    """Commits wait until they may, and the next `failures` fail."""

    failures = 0

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
        if self.failures:
            self.failures -= 1
            raise Retry("the broker is away", "kafka")
        return super().commit(states, ends, member, positions)


class NotingSource(MemorySource):
    """Notes of each poll how far the broker's committed offset was, how long it may wait, and how much it has given."""

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker)
        self.committed_at_poll: list[int] = []
        self.waits: list[float] = []
        self.given: list[int] = []

    def poll(self, limit: int, timeout: float) -> Records | None:
        self.committed_at_poll.append(self._broker.committed.get(0, Committed(NO_OFFSET)).offset)
        self.waits.append(timeout)
        records = super().poll(limit, timeout)
        if records is not None:
            self.given.append(len(records))
        return records


class Bench:
    """A worker whose first wait after a failure is of `wait` seconds."""

    def __init__(self, wait: float = 0.0) -> None:
        self.broker, self.watch, self.registry = MemoryBroker(1), Watch(), CollectorRegistry()
        self.sink, self.cache = HeldSink(self.broker), MemoryStates()
        self.now = 0.0
        self.health = Health(lambda: self.now)
        self.source = source = NotingSource(self.broker)
        cache, metrics = self.cache, Metrics(self.registry)
        first = Model("first", clusters=5)
        metrics.model(first, 0.0, 0.0)
        self.worker = Worker(
            Ports(source, self.sink, cache),
            Restorer(source, MemoryChangelog(self.broker), cache, Identity("c", "e", "s", 1), 1_000, lambda: 0.0),
            lambda model: Pipeline(model, Policy(100, 10_000, labelling_default=True, chunk_events=100)),
            first,
            self.watch,  # type: ignore[arg-type]  # as much of it as the loop asks for
            Observers(metrics, self.health),
            lambda: Backoff(wait, 4 * wait, 0.0, lambda: self.now, lambda: 0.0),
            Bounds(events=BACKLOG, hot_bytes=HOT_BYTES, relabel_rate=0.0),
            "events",
        )
        source.subscribe(self.worker._partitions)
        while self.worker._partitions.unready or not self.worker._partitions.owned:
            self.worker._turn()

    def send(self, value: bytes | None = b'{"type":"change","add":["s1"]}', user: bytes = b"u") -> None:
        self.broker.events[0].append(Event(user, value))

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"songprint_{name}", labels)

    def sources(self) -> list[int]:
        """Offsets of the events that have a label."""
        return [json.loads(value)["source"]["offset"] for _, value, _ in self.broker.labels if value]

    def turn_until(self, condition: Callable[[], bool]) -> None:
        for _ in range(20):
            self.worker._turn()
            if condition():
                return
        pytest.fail("the loop does not get there")

    def retries(self) -> float | None:
        return self.metric("retries_total", part="kafka")

    def close(self) -> None:
        self.sink.go.set()
        self.worker.stop()
        self.worker.run()

    def labelled(self, cluster: int) -> float | None:
        return self.metric("cluster_labels_total", cluster=str(cluster))


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


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


@pytest.mark.parametrize("most", [BACKLOG, 10])
def test_under_backlog_the_next_batch_is_polled_and_labelled_while_the_one_before_is_committed(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    bench.worker._max_events = most
    for _ in range(most + 1):
        bench.send()
    bench.worker._turn()
    model = bench.worker._pipeline.model
    run = model.run

    def let_the_first_be_committed(features: Features) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        bench.sink.go.set()
        return run(features)

    monkeypatch.setattr(model, "run", let_the_first_be_committed)
    bench.worker._turn()
    assert bench.source.committed_at_poll[-1] == NO_OFFSET
    bench.worker._transactions.settle()
    assert bench.broker.committed[0].offset == most + 1


def test_after_the_last_of_a_backlog_no_event_is_waited_for_before_it_is_counted(bench: Bench) -> None:
    """Its states would get into Redis, and its events into the metrics, that much later."""
    for _ in range(BACKLOG):
        bench.send()
    bench.worker._turn()
    assert bench.source.waits[-1] > 0
    bench.sink.go.set()
    bench.worker._turn()
    assert bench.source.waits[-1] == 0
    assert bench.metric("batch_events_sum") == BACKLOG


def test_a_batch_holds_no_more_events_than_it_may(bench: Bench) -> None:
    bench.sink.go.set()
    for _ in range(2 * BACKLOG + 5):
        bench.send()
    bench.turn_until(lambda: len(bench.sources()) == 2 * BACKLOG + 5)
    assert bench.source.given == [BACKLOG, BACKLOG, 5]


def test_what_is_held_in_process_is_bounded_however_many_users_there_are(bench: Bench) -> None:
    bench.sink.go.set()
    for number in range(8 * BACKLOG):
        bench.send(user=b"%d" % number)
    held = []
    while not held or len(bench.sources()) < 8 * BACKLOG:
        bench.worker._turn()
        held.append(bench.worker._partitions.hot_bytes)
    assert BACKLOG * 400 < max(held) < HOT_BYTES + 2 * BACKLOG * 420, "the bound, and the batches that filled it"


def test_a_batch_writes_the_users_that_it_has_changed_and_each_of_them_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached: list[list[bytes]] = []
    write = bench.cache.write

    def noted(partition: int, watermark: bytes, successor: bytes, states: Mapping[bytes, bytes | None]) -> bool:
        cached.append(list(states))
        return write(partition, watermark, successor, states)

    monkeypatch.setattr(bench.cache, "write", noted)
    bench.sink.go.set()
    for users in ((b"u", b"v", b"u"), (b"v", b"v", b"v")):
        for user in users:
            bench.send(user=user)
        bench.worker._turn()
        bench.worker._transactions.settle()
    assert cached == [[b"u", b"v"], [b"v"]]
    assert [change.key for change in bench.broker.states[0]] == [b"u", b"v", MODEL_KEY, b"v"]


def test_every_part_of_a_batch_is_measured(bench: Bench) -> None:
    bench.sink.go.set()
    for value in (b'{"type":"change","add":["s1"]}', b"?", b'{"type":"change","add":["s2"]}', None):
        bench.send(value)
    bench.worker._turn()
    bench.worker._transactions.settle()
    assert (bench.metric("events_total", partition="0"), bench.metric("batch_events_sum")) == (4, 4)
    assert bench.metric("transactions_total", outcome="committed") == 1
    assert bench.metric("event_latency_seconds_count") == 4
    assert (bench.labelled(4), bench.metric("labels_total", gender="abstain")) == (2, 2)
    assert bench.metric("rejects_total", reason="not_json") == 1
    assert bench.metric("tombstones_total", kind="erased") == 1
    assert (bench.metric("songs_total"), bench.metric("known_songs_total")) == (3, 2)
    assert {stage for stage in STAGES if not bench.metric("stage_seconds_count", stage=stage)} == set()


def test_lookups_are_counted_by_where_the_state_was_found(bench: Bench) -> None:
    def found() -> list[float | None]:
        bench.send()
        bench.worker._turn()
        bench.worker._transactions.settle()
        return [bench.metric("state_lookups_total", result=result) for result in ("hot", "hit", "miss")]

    bench.sink.go.set()
    assert found() == [0, 0, 1]
    assert found() == [1, 0, 1]
    bench.worker._partitions.owned[0].hot.clear()
    assert found() == [1, 1, 1]


def test_a_restore_is_measured(bench: Bench) -> None:
    assert sum(bench.metric("restores_total", kind=kind) or 0 for kind in ("none", "tail", "full")) == 1
    assert bench.metric("restore_seconds_count") == 1


def test_where_the_partitions_stand_is_told_from_time_to_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "REPORT_SECONDS", -1.0)
    bench.sink.go.set()
    bench.send()
    bench.worker._turn()
    assert (bench.metric("assigned_partitions"), bench.metric("ready_partitions")) == (1, 1)
    assert bench.metric("lag_events", partition="0") == 0
    assert (bench.metric("hot_state_bytes") or 0) > 0
    bench.worker._partitions.revoked([0])
    assert bench.metric("lag_events", partition="0") is None, "it is the next owner's to tell"


def test_a_worker_that_steps_back_is_unready_until_it_is_restored_and_counts_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.sink.go.set()
    bench.worker._turn()
    assert bench.health.ready() == (True, ())
    publish = bench.sink.publish

    def away(_records: Iterable[OutputRecord]) -> None:
        monkeypatch.setattr(bench.sink, "publish", publish)
        raise Retry("the broker is away", "kafka")

    monkeypatch.setattr(bench.sink, "publish", away)
    bench.send()
    bench.worker._turn()
    assert bench.health.ready() == (False, ("partition 0 is being restored",))
    assert bench.health.live().ok
    assert (bench.metric("retries_total", part="kafka"), bench.metric("retries_total", part="redis")) == (1, 0)
    while not bench.health.ready().ok:
        bench.worker._turn()
    assert bench.metric("transactions_total", outcome="aborted") == 1
    bench.worker._turn()
    bench.worker._transactions.settle()
    assert len(bench.broker.labels) == 1, "the event was read again"


def test_a_restore_that_has_to_wait_is_counted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_partition: int) -> bytes | None:
        raise Retry("no answer", "redis")

    monkeypatch.setattr(loop, "REPORT_SECONDS", -1.0)
    monkeypatch.setattr(bench.cache, "watermark", away)
    bench.worker._partitions.distrust([0])
    bench.worker._turn()
    assert bench.metric("retries_total", part="redis") == 1
    assert (bench.metric("assigned_partitions"), bench.metric("ready_partitions")) == (1, 0)
    assert not bench.health.ready().ok


def test_each_turn_shows_that_the_loop_lives(bench: Bench) -> None:
    bench.now = 100.0
    assert not bench.health.live().ok
    bench.worker._turn()
    assert bench.health.live().ok


def test_a_redis_that_evicts_is_found_from_time_to_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def evicts() -> None:
        raise Stop("it evicts")

    monkeypatch.setattr(bench.cache, "check", evicts)
    bench.worker._turn()
    monkeypatch.setattr(loop, "CACHE_CHECK_SECONDS", -1.0)
    with pytest.raises(Stop, match="it evicts"):
        bench.worker._turn()
    monkeypatch.undo()


def test_a_partition_that_leaves_has_a_whole_copy(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or its next owner would have to restore it."""
    write, may_write = bench.cache.write, threading.Event()

    def late(partition: int, watermark: bytes, successor: bytes, states: Mapping[bytes, bytes | None]) -> bool:
        assert may_write.wait(PATIENCE)
        return write(partition, watermark, successor, states)

    monkeypatch.setattr(bench.cache, "write", late)
    bench.sink.go.set()
    bench.send()
    bench.worker._turn()
    threading.Timer(0.2, may_write.set).start()  # while the partition leaves; any time would do
    bench.worker._partitions.revoked([0])
    mark = Watermark.decode(bench.cache.watermark(0))
    assert mark is not None
    assert mark.offset == 1


def test_a_stop_finishes_the_batch_under_way(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.sink, "begin", bench.worker.stop)
    threading.Timer(0.2, bench.sink.go.set).start()  # while the worker leaves; any time would do
    bench.send()
    bench.send()
    bench.worker.run()
    assert bench.broker.committed[0].offset == 2
    mark = Watermark.decode(bench.cache.watermark(0))
    assert mark is not None
    assert mark.offset == 2, "what was committed is in the cache"


def test_a_worker_that_leaves_closes_all_of_its_parts_whatever_one_of_them_does(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First the source, so that the group's others get its partitions while its last batch still goes through."""
    closed: list[str] = []

    def noting(name: str, close: Callable[[], None]) -> Callable[[], None]:
        def note() -> None:
            closed.append(name)
            close()
            raise ZeroDivisionError(name)

        return note

    for name in ("source", "transactions", "sink", "writer", "watch", "pipeline", "cache"):
        part = getattr(bench.worker, f"_{name}")
        monkeypatch.setattr(part, "close", noting(name, part.close))
    bench.worker.stop()
    with pytest.raises(ZeroDivisionError):
        bench.worker.run()
    assert closed == ["source", "transactions", "sink", "writer", "watch", "pipeline", "cache"]
    monkeypatch.undo()


def test_a_stop_while_redis_is_away_is_one_in_good_order(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is committed is safe without it."""

    def away(*_: object) -> bool:
        raise Retry("no answer", "redis")

    bench.sink.go.set()
    bench.send()
    bench.worker._turn()
    monkeypatch.setattr(bench.cache, "write", away)
    bench.worker.stop()
    bench.worker.run()
    assert bench.broker.committed[0].offset == 1


def test_a_state_that_this_release_cannot_read_stops_the_worker(bench: Bench) -> None:
    bench.sink.go.set()
    mark = bench.cache.watermark(0)
    assert mark is not None
    bench.cache.write(0, mark, mark, {b"u": b"\xff" * 10})
    bench.send()
    with pytest.raises(Stop, match=r"partition 0 in Redis: a state has format version 255; .* upgrade the worker"):
        bench.worker._turn()


def test_while_something_is_away_a_worker_waits_ever_longer_with_its_partitions_paused_and_polls_on() -> None:
    bench = Bench(wait=1.0)
    bench.sink.go.set()
    bench.sink.failures = 4
    bench.send()
    for number, wait in enumerate((1.0, 2.0, 4.0, 4.0), 1):
        bench.turn_until(lambda number=number: bench.retries() == number)
        bench.send()  # what comes in meanwhile waits
        polls = len(bench.source.committed_at_poll)
        bench.now += wait - 0.01
        for _ in range(5):
            bench.worker._turn()
        assert len(bench.source.committed_at_poll) == polls + 5, "the group keeps its member"
        assert bench.worker._partitions.unready == [0]
        bench.now += 0.02
        bench.send()  # what comes before the partition is restored does, too
    bench.turn_until(lambda: len(bench.broker.labels) >= 9)
    assert bench.sources() == list(range(9)), "every event once, in order"
    bench.sink.failures = 1
    bench.send()
    bench.turn_until(lambda: bench.retries() == 5)
    bench.now += 1.01
    bench.turn_until(lambda: len(bench.broker.labels) == 10)  # the wait was a short one again
    bench.close()


def test_states_are_read_once_what_was_written_is_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or every slow write would look like a Redis that has lost something."""
    write, may_write = bench.cache.write, threading.Event()

    def late(partition: int, watermark: bytes, successor: bytes, states: Mapping[bytes, bytes | None]) -> bool:
        assert may_write.wait(PATIENCE)
        return write(partition, watermark, successor, states)

    monkeypatch.setattr(bench.cache, "write", late)
    bench.sink.go.set()
    bench.send()
    bench.worker._turn()
    bench.worker._transactions.finish()
    bench.worker._partitions.owned[0].hot.clear()
    threading.Timer(0.2, may_write.set).start()  # while the next batch is to be read; any time would do
    bench.send()
    bench.worker._turn()
    bench.worker._transactions.settle()
    assert bench.sources() == [0, 1]
    assert bench.metric("retries_total", part="redis") == 0


def test_a_refused_bundle_is_counted_and_the_old_one_goes_on(bench: Bench) -> None:
    bench.sink.go.set()
    bench.watch.found = "refused"
    bench.worker._turn()
    bench.send()
    bench.worker._turn()
    bench.worker._transactions.settle()
    assert bench.labelled(4) == 1
    assert bench.metric("model_reloads_total", result="refused") == 1


def test_a_new_model_is_asked_about_its_own_rows(bench: Bench) -> None:
    """What is held in process has those of the model before."""
    bench.sink.go.set()
    bench.send()
    bench.worker._turn()
    more = Vocabulary(np.sort(song_keys(["s1", *(f"x{number}" for number in range(50))])))
    second = Model("second", clusters=2, vocabulary=more)
    bench.watch.found = second
    bench.worker._turn()
    bench.send()
    bench.worker._turn()
    bench.worker._transactions.settle()
    (row,) = more.rows(song_keys(["s1"]))
    assert row != 0, "or it would be the same as before"
    assert second.rows == [row]


def test_a_redis_that_evicts_is_found_before_the_group_is_joined(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def evicts() -> None:
        raise Stop("it evicts")

    joined: list[object] = []
    with monkeypatch.context() as evicting:
        evicting.setattr(bench.cache, "check", evicts)
        evicting.setattr(bench.source, "subscribe", joined.append)
        evicting.setattr(bench.worker, "_close", lambda: None)
        with pytest.raises(Stop, match="it evicts"):
            bench.worker.run()
    assert joined == []
