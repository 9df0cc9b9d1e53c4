"""Commits behind the loop's back: one at a time, nothing moves before it is through, and none fails unseen."""

import threading
from collections.abc import Iterator, Mapping

import pytest
from prometheus_client import CollectorRegistry

from worker.adapters.memory import MemoryBroker, MemorySink, MemoryStates
from worker.adapters.ports import NOWHERE, Committed
from worker.cache_writer import CacheWriter
from worker.contract.user_state import UserState
from worker.errors import Retry
from worker.observe.metrics import Metrics
from worker.partition import OwnedPartition
from worker.transactions import Transactions
from worker.watermark import MODEL_KEY, Identity, Watermark

START = Watermark(Identity("c", "e", "s", 1), offset=10, position=0, labelled_by="", at=0)
LABEL = (b"u", b"{}", None)
STATE = UserState(b"8 bytes.", b"", 0, 10)


class HeldSink(MemorySink):
    """Commits wait until `go` is set, and fail if they are told to."""

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker)
        self.go = threading.Event()
        self.fail = False
        self.recovered = 0

    def commit(
        self,
        states: Mapping[int, Mapping[bytes, bytes | None]],
        ends: Mapping[int, int],
        member: object,
        positions: Mapping[int, int] = NOWHERE,
    ) -> dict[int, int]:
        assert self.go.wait(30)
        if self.fail:
            raise Retry("the broker is away", "kafka")
        return super().commit(states, ends, member, positions)

    def recover(self) -> None:
        self.recovered += 1
        super().recover()


class Told(list[float]):
    """Says that something was told."""

    def __init__(self, order: list[str]) -> None:
        super().__init__()
        self._order = order

    def append(self, _at: float) -> None:
        self._order.append("done")


class Bench:
    """Transactions over fakes, with one owned partition."""

    def __init__(self) -> None:
        self.broker = MemoryBroker(1)
        self.sink = HeldSink(self.broker)
        self.cache = MemoryStates()
        self.cache.claim(0, None, START.encode(), empty=True)
        self.writer = CacheWriter(self.cache, lambda _seconds: None)
        self.transactions = Transactions(self.sink, self.writer, Metrics(CollectorRegistry()), lambda: 77.0)
        self.partition = OwnedPartition(0, 1 << 20)
        self.partition.restored(START, unlabelled=True)
        self.done: list[float] = []
        self.transactions.prepare()

    def commit(self, end: int = 11, labelled_by: Mapping[int, str] | None = None) -> None:
        self.transactions.begin()
        self.transactions.publish([LABEL])
        owned, changed = {0: self.partition}, {0: {b"u": STATE}}
        self.transactions.commit(owned, changed, {0: end}, labelled_by or {}, None, self.done.append)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.sink.go.set()
    bench.transactions.close()
    bench.writer.close()


def test_a_commit_under_way_moves_nothing_but_what_the_next_batch_builds_on(bench: Bench) -> None:
    bench.commit()
    assert bench.transactions.committing
    assert bench.partition.watermark == START
    assert bench.partition.hot.young == {b"u": STATE}
    assert not bench.partition.unlabelled
    assert bench.done == bench.broker.labels == []


def test_settle_waits_for_the_commit_and_for_the_cache(bench: Bench) -> None:
    bench.commit(labelled_by={0: "m-1"})
    bench.sink.go.set()
    bench.transactions.settle()
    assert not bench.transactions.committing
    after = Watermark(START.identity, 11, 2, "m-1", 77)
    assert bench.partition.watermark == after
    assert bench.cache.read(0, after.encode(), [b"u"]) == [STATE.pack()]
    assert (bench.done, bench.broker.labels, bench.broker.committed) == ([77.0], [LABEL], {0: Committed(11, 2)})
    assert [change.key for change in bench.broker.states[0]] == [b"u", MODEL_KEY]


def test_the_cache_is_on_its_way_before_the_commit_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counting a batch takes its time, in which Redis can do its part."""
    told: list[str] = []
    submit = bench.writer.submit
    monkeypatch.setattr(bench.writer, "submit", lambda updates: (told.append("cache"), submit(updates)))
    monkeypatch.setattr(bench, "done", Told(told))
    bench.sink.go.set()
    bench.commit()
    bench.transactions.settle()
    assert told == ["cache", "done"]


def test_a_commit_is_told_although_the_cache_has_refused_the_one_before(bench: Bench) -> None:
    """Its labels are out, so they are counted."""
    bench.sink.go.set()
    bench.commit()
    bench.cache.forget(0)
    bench.commit(end=12)
    with pytest.raises(Retry, match="Redis no longer holds"):
        bench.transactions.settle()
    assert bench.done == [77.0, 77.0]


def test_the_next_transaction_begins_after_the_commit(bench: Bench) -> None:
    bench.commit()
    bench.sink.go.set()
    bench.commit(end=12)
    assert bench.broker.committed[0].offset >= 11, "begin has waited"
    bench.transactions.settle()
    assert bench.partition.watermark.offset == 12
    assert bench.broker.labels == [LABEL, LABEL]


@pytest.mark.parametrize("ask", ["begin", "settle", "end"])
def test_whoever_waits_is_told_of_a_failed_commit_and_it_is_aborted_before_the_next(bench: Bench, ask: str) -> None:
    bench.sink.fail = True
    bench.sink.go.set()
    bench.commit()
    with pytest.raises(Retry, match="the broker is away"):
        getattr(bench.transactions, ask)()
    assert bench.partition.watermark == START
    assert bench.done == bench.broker.labels == []
    bench.transactions.prepare()
    assert bench.sink.recovered == 1, "aborted, once"


def test_abandon_waits_and_leaves_the_abort_to_prepare(bench: Bench) -> None:
    bench.sink.fail = True
    bench.sink.go.set()
    bench.commit()
    bench.transactions.abandon()
    assert not bench.transactions.committing
    assert bench.sink.recovered == 0
    bench.transactions.prepare()
    assert bench.sink.recovered == 1


def test_prepare_leaves_a_commit_under_way_alone(bench: Bench) -> None:
    bench.commit()
    bench.transactions.prepare()
    assert bench.transactions.committing
    assert bench.sink.recovered == 0


def test_end_aborts_what_was_not_to_be_committed_yet(bench: Bench) -> None:
    bench.transactions.begin()
    bench.transactions.publish([LABEL])
    bench.transactions.end()
    assert bench.sink.recovered == 1
    assert bench.broker.labels == []
