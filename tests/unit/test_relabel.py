"""Fresh labels for a partition's users, on the fakes: whatever fails on the way, everyone else gets theirs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from worker import relabel
from worker.adapters.memory import MemoryBroker, MemorySink, MemorySource, MemoryStates
from worker.adapters.ports import NOWHERE
from worker.cache_writer import CacheWriter
from worker.contract.features import Features
from worker.contract.user_label import Abstention
from worker.contract.user_state import UserState
from worker.contract.vocabulary import Vocabulary, song_key, song_keys
from worker.errors import Retry, Stop
from worker.observe.logs import JsonFormatter
from worker.observe.metrics import Metrics
from worker.partition import OwnedPartition
from worker.pipeline import Pipeline, Policy, Scores
from worker.relabel import Relabeller
from worker.state_reader import StateReader
from worker.transactions import Transactions
from worker.watermark import Identity, Watermark

PARTITION = 0
USERS = [b"u%d" % number for number in range(7)]
PAGE = 3
RATE = 4.0
"""Users a second."""
WATERMARK = Watermark(Identity("cluster", "events", "states", 1), 10, 20, "old", 30)
POISON = song_keys(["s1"])


class NewModel:
    """Fails where a playlist holds song s1."""

    version = "new"
    load_seconds = 0.0
    genders = ("f", "m")
    cluster_names = ("few", "many")
    abstention = Abstention(0.6, 1)
    vocabulary = Vocabulary(np.sort(song_keys(["s0", "s1"])))

    def __init__(self, *, broken: bool = False) -> None:
        self._broken = broken

    def run(self, features: Features) -> Scores:
        if self._broken or np.isin(features.song_rows, self.vocabulary.rows(POISON)).any():
            raise RuntimeError("the graph fell over")
        pairs = np.full((len(features.song_counts), 2), 0.5, np.float32)
        return pairs, pairs


class FailingSink(MemorySink):
    """Refuses the commits of these numbers."""

    def __init__(self, broker: MemoryBroker) -> None:
        super().__init__(broker)
        self.refused: set[int] = set()
        self._count = 0

    def commit(
        self,
        states: Mapping[int, Mapping[bytes, bytes | None]],
        ends: Mapping[int, int],
        member: object,
        positions: Mapping[int, int] = NOWHERE,
    ) -> dict[int, int]:
        self._count += 1
        if self._count in self.refused:
            raise Retry("the broker is away", "kafka")
        return super().commit(states, ends, member, positions)


class Stage:
    """One owned partition with labels of an old model, and a relabeller of it."""

    def __init__(self, poisoned: frozenset[bytes] = frozenset()) -> None:
        self.broker = MemoryBroker(1)
        self.sink = FailingSink(self.broker)
        self.registry = CollectorRegistry()
        self._cache = MemoryStates()
        self._writer = CacheWriter(self._cache, lambda _seconds: None)
        self._cache.claim(PARTITION, None, b"claim", empty=True)
        packed = {user: _state(user in poisoned).pack() for user in USERS}
        self._cache.write(PARTITION, b"claim", WATERMARK.encode(), packed)
        self.partition = OwnedPartition(PARTITION, 0)
        self.partition.restored(WATERMARK, unlabelled=False)
        metrics = Metrics(self.registry)
        self.transactions = Transactions(self.sink, self._writer, metrics, lambda: 40.0)
        reader = StateReader(self._cache, self.transactions, metrics)
        self.now = 0.0
        self.pace = 1.0
        """Seconds that pass between two looks at the clock."""
        self.relabeller = Relabeller(
            MemorySource(self.broker),
            self._cache,
            reader,
            self.transactions,
            metrics,
            rate=RATE,
            clock=self._clock,
            wall=lambda: 50.0,
        )
        self.transactions.prepare()

    def _clock(self) -> float:
        self.now += self.pace
        return self.now

    def step(self, pipeline: Pipeline) -> None:
        self.relabeller.step({PARTITION: self.partition}, pipeline)
        self.transactions.settle()

    def finish(self, pipeline: Pipeline) -> None:
        for _ in range(len(USERS)):
            if self.relabeller.due({PARTITION: self.partition}, pipeline.model.version) is None:
                return
            self.step(pipeline)
        pytest.fail("the partition is never through")

    def restore(self) -> None:
        """What follows from a failure: the copy turns out to be complete."""
        self.transactions.end()
        self.partition.distrust()
        found = Watermark.decode(self._cache.watermark(PARTITION))
        assert found is not None
        self.partition.restored(found, unlabelled=False)

    @property
    def labels(self) -> list[dict[str, Any]]:
        return [json.loads(value) for _, value, _ in self.broker.labels if value is not None]

    @property
    def users(self) -> set[str]:
        return {label["user"] for label in self.labels}

    def close(self) -> None:
        self.transactions.close()
        self._writer.close()


def _state(poisoned: bool) -> UserState:
    return UserState(song_key("s1" if poisoned else "s0"), flags=0, offset=5)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relabel, "STEP_USERS", PAGE)


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    pipeline = Pipeline(NewModel(), Policy(100, 10_000, labelling_default=True, chunk_events=10))
    yield pipeline
    pipeline.close()


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    stage = Stage(getattr(request, "param", frozenset()))
    yield stage
    stage.close()


def test_everyone_is_labelled_and_the_partition_is_through(stage: Stage, pipeline: Pipeline) -> None:
    stage.finish(pipeline)
    assert sorted(label["user"].encode() for label in stage.labels) == USERS
    assert {(label["model"], label["reason"]) for label in stage.labels} == {("new", "relabel")}
    assert stage.partition.watermark.labelled_by == "new"


def test_a_walk_begins_anew_after_another_model_was_in_use(stage: Stage, pipeline: Pipeline) -> None:
    """Those whom it has met may have labels of that one."""
    stage.step(pipeline)
    met = len(stage.labels)
    assert 0 < met < len(USERS)
    stage.relabeller.forget()
    stage.finish(pipeline)
    assert len(stage.labels) == met + len(USERS)


@pytest.mark.parametrize("stage", [frozenset({b"u1", b"u2", b"u5"}), frozenset(USERS)], indirect=True)
def test_users_whom_the_model_fails_on_are_skipped_and_counted(
    request: pytest.FixtureRequest, stage: Stage, pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    """Their partition would never be through otherwise, and its owner would do nothing but try again."""
    poisoned = request.node.callspec.params["stage"]
    stage.finish(pipeline)
    assert stage.users == {user.decode() for user in USERS} - {user.decode() for user in poisoned}
    assert stage.partition.watermark.labelled_by == "new"
    assert stage.registry.get_sample_value("songprint_relabel_failures_total") == len(poisoned)
    told = [json.loads(JsonFormatter().format(record)) for record in caplog.records]
    failed = [line["failed"] for line in told if "these users keep the label that they have" in line["message"]]
    assert sum(failed) == len(poisoned)
    assert not any(user.decode() in str(told) for user in USERS), "who they are is for debug alone"


def test_a_model_that_fails_on_everyone_stops_the_worker(stage: Stage) -> None:
    broken = Pipeline(NewModel(broken=True), Policy(100, 10_000, labelling_default=True, chunk_events=10))
    with pytest.raises(Stop, match="new fails even on an empty playlist"):
        stage.step(broken)
    broken.close()


def test_users_of_a_transaction_that_failed_are_labelled_after_the_restore(stage: Stage, pipeline: Pipeline) -> None:
    """They were read before, so a walk that went on where it was would have left them out for ever."""
    stage.sink.refused = {2}
    stage.step(pipeline)
    with pytest.raises(Retry):
        stage.step(pipeline)
    stage.restore()
    stage.finish(pipeline)
    assert stage.users == {user.decode() for user in USERS}


def test_no_more_users_a_second_than_the_rate_allows(stage: Stage, pipeline: Pipeline) -> None:
    """Nor after an hour in which nothing was due."""
    stage.now += 3600.0
    stage.pace = 0.1
    seconds = 0.0
    while stage.relabeller.due({PARTITION: stage.partition}, "new") is not None:
        stage.step(pipeline)
        seconds += stage.pace
        assert len(stage.labels) <= RATE * (1 + seconds)
    assert len(stage.labels) == len(USERS)


@pytest.mark.parametrize("what", ["copy", "model"])
def test_a_walk_of_another_copy_or_model_is_not_gone_on_with(stage: Stage, pipeline: Pipeline, what: str) -> None:
    """Its cursor means nothing there, and whom it has met has a label of something else."""
    stage.step(pipeline)
    met = len(stage.labels)
    assert 0 < met < len(USERS)
    if what == "copy":
        stage.restore()
    else:
        pipeline.model.version = "newer"  # type: ignore[misc]  # the same model under another name
    stage.finish(pipeline)
    assert len(stage.labels) == met + len(USERS)


def test_a_request_is_taken_back_when_all_are_labelled_and_not_before(stage: Stage, pipeline: Pipeline) -> None:
    """So that it outlives the worker that works on it."""
    stage.finish(pipeline)
    stage._cache.request_relabel(PARTITION, wanted=True)
    stage.now += relabel.REQUEST_SECONDS
    stage.relabeller.take_requests({PARTITION: stage.partition})
    while stage.relabeller.due({PARTITION: stage.partition}, "new") is not None:
        assert stage._cache.relabel_requested(PARTITION)
        stage.step(pipeline)
    assert not stage._cache.relabel_requested(PARTITION)
    assert len(stage.labels) == 2 * len(USERS)


def test_users_are_read_as_the_last_commit_left_them(stage: Stage, pipeline: Pipeline) -> None:
    """What an event said while a fresh label was on its way is not taken back by it."""
    after = UserState(song_key("s0") + song_key("x"), flags=0, offset=10)
    changed = {PARTITION: dict.fromkeys(USERS, after)}
    stage.transactions.begin()
    stage.transactions.commit({PARTITION: stage.partition}, changed, {PARTITION: 11}, {}, None, lambda _at: None)
    stage.finish(pipeline)
    assert {label["songs"] for label in stage.labels} == {2}
    assert {label["source"]["offset"] for label in stage.labels} == {10}


def test_labels_that_are_on_their_way_by_the_present_model_are_not_repeated(stage: Stage, pipeline: Pipeline) -> None:
    """As those of a partition's first batch."""
    owned, labelled_by = {PARTITION: stage.partition}, {PARTITION: "new"}
    stage.transactions.begin()
    stage.transactions.commit(owned, {PARTITION: {}}, {PARTITION: 11}, labelled_by, None, lambda _at: None)
    assert stage.relabeller.due(owned, "new"), "the commit may still fail"
    stage.step(pipeline)
    assert stage.labels == []
    assert stage.relabeller.due(owned, "new") is None


def test_a_partition_that_never_had_a_label_needs_no_fresh_ones(stage: Stage) -> None:
    stage.partition.unlabelled = True
    assert stage.relabeller.due({PARTITION: stage.partition}, "new") is None
