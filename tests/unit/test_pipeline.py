"""A batch through the pipeline, with a small model whose answers depend on the playlist alone."""

import json
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.adapters.ports import Records
from worker.contract.features import Features
from worker.contract.rejection import Reason
from worker.contract.user_label import Abstention
from worker.contract.user_state import UserState
from worker.contract.vocabulary import Vocabulary, song_keys
from worker.errors import Stop
from worker.pipeline import Outputs, Pipeline, Poisoned, Policy, Scores

SONGS = [f"s{number}" for number in range(8)]
VOCABULARY = Vocabulary(np.sort(song_keys(SONGS[:6])))
POISON = VOCABULARY.rows(song_keys(["s5"]))[0]
MAX_SONGS = 5
PASSES = 2
"""A batch with poisoned events is labelled once more without them, however many they are."""


class SmallModel:
    """Scores from counts and sums of rows."""

    version = "small-1"
    load_seconds = 0.0
    genders = ("f", "m")
    cluster_names = ("ballads", "rock", "folk")
    abstention = Abstention(threshold=0.55, min_known_songs=2)
    vocabulary = VOCABULARY

    def run(self, features: Features) -> Scores:
        users = len(features.song_counts)
        sums = np.bincount(features.user_rows, features.song_rows + 1, users)
        male = 1 / (1 + np.exp(4 - sums))
        cluster = np.exp(-((sums[:, None] - [2.0, 8.0, 14.0]) ** 2) / 50)
        return np.stack([1 - male, male], 1).astype(np.float32), (cluster / cluster.sum(1)[:, None]).astype(np.float32)


class BrokenOn(SmallModel):
    """Fails whenever `broken` says so of a batch of playlists."""

    def __init__(self, *, empty: bool = False, poison: bool = False, together: int = 1 << 30) -> None:
        self._empty = empty
        self._poison = poison
        self._together = together

    def run(self, features: Features) -> Scores:
        if (
            self._empty
            or (self._poison and POISON in features.song_rows)
            or len(features.song_counts) >= self._together
        ):
            raise RuntimeError("the graph fell over")
        return super().run(features)


@pytest.fixture
def pipeline() -> Iterator[Pipeline]:
    pipeline = make_pipeline(SmallModel(), chunk_events=3)
    yield pipeline
    pipeline.close()


def make_pipeline(model: SmallModel, chunk_events: int) -> Pipeline:
    return Pipeline(model, Policy(MAX_SONGS, 10_000, labelling_default=True, chunk_events=chunk_events))


def records_of(*events: tuple[str | bytes | None, object]) -> Records:
    """Events as (user, value) on two partitions; values that are no bytes become JSON."""
    keys = [user.encode() if isinstance(user, str) else user for user, _ in events]
    values = [value if isinstance(value, bytes | None) else json.dumps(value).encode() for _, value in events]
    partitions = [(key or b"\0")[-1] % 2 for key in keys]
    return Records(partitions, range(100, 100 + len(keys)), [1_000] * len(keys), keys, values, lambda _: [], None)


class Done:
    """What a batch has led to, all chunks together; `states` go on to the next batch."""

    def __init__(self, states: Mapping[int, Mapping[bytes, UserState | None]] | None = None) -> None:
        self.states = defaultdict(
            lambda: defaultdict(lambda: None), {n: defaultdict(lambda: None, s) for n, s in (states or {}).items()}
        )
        self.labels: list[tuple[bytes, dict[str, Any] | None]] = []
        self.headers: list[Any] = []
        self.rejects: dict[int, Reason] = {}

    def take(self, outputs: Outputs) -> None:
        for key, value, headers in outputs.records:
            self.labels.append((key, None if value is None else json.loads(value)))
            self.headers.append(headers)
        self.rejects |= {record: reject.reason for record, reject in outputs.rejected}


def process(pipeline: Pipeline, records: Records, done: Done | None = None) -> Done:
    done = done or Done()
    changed: dict[int, dict[bytes, UserState | None]] = {0: {}, 1: {}}
    decoded = pipeline.decode(records)
    for _ in range(PASSES):
        attempt = Done(done.states)
        try:
            for outputs in pipeline.process(records, decoded, attempt.states, changed):
                attempt.take(outputs)
        except Poisoned as problem:
            decoded.poison(problem)
            changed = {0: {}, 1: {}}
            continue
        for number, states in changed.items():
            attempt.states[number].update(states)
        attempt.labels = done.labels + attempt.labels
        return attempt
    raise AssertionError(f"{PASSES} passes were not enough: a worker that is busy with one batch is not polling")


def change(*add: str, **more: Any) -> dict[str, Any]:
    return {"type": "change", "add": add, **more}


USERS = st.sampled_from(["a", "b", "c", "d"])
LISTS = st.lists(st.sampled_from(SONGS), max_size=4)
VALUES = st.one_of(
    st.builds(lambda add, remove: {"type": "change", "add": add, "remove": remove}, LISTS, LISTS),
    st.builds(lambda songs: {"type": "snapshot", "songs": songs}, LISTS),
    st.builds(lambda word: {"type": "consent", "labelling": word}, st.booleans()),
    st.sampled_from([None, b"not JSON", change("")]),
)
BATCHES = st.lists(st.tuples(USERS | st.just(None), VALUES), max_size=20)


@given(BATCHES, st.booleans())
def test_chunks_of_any_size_say_what_one_event_at_a_time_says(batch: list[tuple[str, object]], poisoned: bool) -> None:
    model = BrokenOn(poison=poisoned)
    records = records_of(*batch)
    alone, rejects = Done(), {}
    single = make_pipeline(model, 1)
    for at in range(len(batch)):
        one = Records(*(column[at : at + 1] for column in records[:5]), records.headers, records.member)
        alone = process(single, one, alone)
        rejects |= {at + index: reason for index, reason in alone.rejects.items()}
    single.close()
    for size in (1, 2, 7):
        pipeline = make_pipeline(model, size)
        done = process(pipeline, records)
        pipeline.close()
        assert done.labels == alone.labels
        assert done.rejects == rejects
        assert known(done) == known(alone)
        assert len(done.labels) + len(done.rejects) == len(batch), "each event has exactly one outcome"


def known(done: Done) -> dict[bytes, UserState | None]:
    return {user: state for states in done.states.values() for user, state in states.items() if state is not None}


def test_a_label_tells_what_it_is_of(pipeline: Pipeline) -> None:
    records = records_of(("u", change("s0", "s1", "s7", at="2026-01-31T21:15:00+01:00")), ("v", change("s2")))
    labels = [label for _, label in process(pipeline, records).labels]
    assert labels[0] is not None
    assert labels[1] is not None
    assert {**labels[0], "gender": None, "cluster": None} == {
        "user": "u",
        "gender": None,
        "cluster": None,
        "songs": 3,
        "known_songs": 2,
        "model": "small-1",
        "source": {"partition": ord("u") % 2, "offset": 100},
        "reason": "event",
        "at": "2026-01-31T21:15:00+01:00",
    }
    assert labels[1]["at"] == "1970-01-01T00:00:01Z", "without `at`, the record's Kafka timestamp"
    assert labels[1]["gender"]["label"] is None, "one known song is too few"


def test_labels_and_tombstones_keep_the_order_of_their_events(pipeline: Pipeline) -> None:
    records = records_of(
        ("a", change("s0")),
        ("a", None),
        ("a", change("s1", "s2")),
        ("a", {"type": "consent", "labelling": False}),
        ("a", change("s3")),
        ("a", {"type": "consent", "labelling": True}),
        ("b", None),
    )
    done = process(pipeline, records)
    assert [(key, label and label["songs"]) for key, label in done.labels] == [
        (b"a", 1),
        (b"a", None),
        (b"a", 2),
        (b"a", None),
        (b"a", None),
        (b"a", 3),
        (b"b", None),
    ]
    sources = [dict(headers) for headers in done.headers if headers]
    assert sources == [
        {
            "songprint.source.partition": b"%d" % partition,
            "songprint.source.offset": b"%d" % offset,
            "songprint.reason": reason,
        }
        for partition, offset, reason in [
            (1, 101, b"erased"),
            (1, 103, b"objecting"),
            (1, 104, b"objecting"),
            (0, 106, b"erased"),
        ]
    ]


def test_an_erased_user_begins_anew(pipeline: Pipeline) -> None:
    before = process(pipeline, records_of(("a", change("s0", "s1")), ("a", {"type": "consent", "labelling": False})))
    after = process(pipeline, records_of(("a", None), ("a", change("s2"))), before)
    (*_, (_, label)) = after.labels
    assert label is not None, "the objection went with the rest"
    assert label["songs"] == 1
    erased = process(pipeline, records_of(("a", None)), after)
    assert known(erased) == {}


def test_who_has_not_said_a_word_is_labelled_as_the_policy_says() -> None:
    pipeline = Pipeline(SmallModel(), Policy(MAX_SONGS, 10_000, labelling_default=False, chunk_events=3))
    records = records_of(("a", change("s0")), ("b", {"type": "consent", "labelling": True}), ("b", change("s1")))
    done = process(pipeline, records)
    pipeline.close()
    assert [label is None for _, label in done.labels] == [True, False, False]


REJECTED: dict[str, tuple[str | bytes | None, object, Reason]] = {
    "no key": (None, change("s0"), Reason.KEY_MISSING),
    "no key, no value": (None, None, Reason.KEY_MISSING),
    "key not UTF-8": (b"\xff", change("s0"), Reason.KEY_NOT_UTF8),
    "key too long": ("a" * 257, change("s0"), Reason.KEY_TOO_LONG),
    "not JSON": ("a", b"{", Reason.NOT_JSON),
    "unknown type": ("a", {"type": "listen"}, Reason.UNKNOWN_TYPE),
    "wrong field": ("a", {"type": "snapshot", "songs": 1}, Reason.INVALID),
    "another user": ("a", change("s0", user="b"), Reason.USER_MISMATCH),
    "too large": ("a", change("s" * 10_000), Reason.TOO_LARGE),
    "empty song id": ("a", change("s0", ""), Reason.BAD_SONG_ID),
    "long song id": ("a", change("s" * 257), Reason.BAD_SONG_ID),
    "too many songs": ("a", change("s2", "s3", "s4", "s5"), Reason.TOO_MANY_SONGS),
}


@pytest.mark.parametrize(("user", "value", "reason"), REJECTED.values(), ids=REJECTED)
def test_a_reject_leaves_its_user_and_its_neighbours_alone(
    pipeline: Pipeline, user: str | bytes | None, value: object, reason: Reason
) -> None:
    good = [("a", change("s0", "s1")), ("b", change("s2")), ("a", change("s6")), ("b", change("s3"))]
    expected = process(pipeline, records_of(*good[:2], ("x", None), *good[2:]))
    done = process(pipeline, records_of(*good[:2], (user, value), *good[2:]))
    assert done.rejects == {2: reason}
    assert done.labels == [label for label in expected.labels if label[0] != b"x"]
    assert known(done) == known(expected)


def test_poisoned_events_are_found_and_only_they_are_rejected() -> None:
    events = [
        ("a", change("s0")),
        ("b", change("s5")),
        ("c", change("s1")),
        ("d", change("s2", "s5")),
        ("e", change("s3")),
    ]
    pipeline = make_pipeline(BrokenOn(poison=True), 10)
    done = process(pipeline, records_of(*events))
    pipeline.close()
    assert done.rejects == {1: Reason.INFERENCE, 3: Reason.INFERENCE}
    assert [key for key, _ in done.labels] == [b"a", b"c", b"e"]
    assert set(known(done)) == {b"a", b"c", b"e"}, "a rejected event leaves no state"


def test_what_only_followed_from_a_poisoned_event_is_labelled() -> None:
    pipeline = make_pipeline(BrokenOn(poison=True), 10)
    done = process(
        pipeline, records_of(("a", change("s5")), ("a", change("s0")), ("a", change("s5")), ("a", change("s1")))
    )
    pipeline.close()
    assert done.rejects == {0: Reason.INFERENCE, 2: Reason.INFERENCE}
    assert [label and label["songs"] for _, label in done.labels] == [1, 2]


@pytest.mark.parametrize("chunk_events", [1, 7, 1_000])
def test_many_poisoned_events_of_one_user_take_no_pass_each(chunk_events: int) -> None:
    """Else the group excludes the worker in the meantime, and the batch comes back for ever."""
    poison, fine = ("a", change("s5")), ("b", change("s1"))
    pipeline = make_pipeline(BrokenOn(poison=True), chunk_events)
    done = process(pipeline, records_of(*[poison, fine] * 100, ("a", change("s0")), ("c", change("s5"))))
    pipeline.close()
    assert done.rejects == dict.fromkeys([*range(0, 200, 2), 201], Reason.INFERENCE)
    assert [key for key, _ in done.labels] == [b"b"] * 100 + [b"a"]


def test_an_event_that_is_too_long_only_after_a_poisoned_one_is_tried_without_it() -> None:
    """Each of them alone is within the bound."""
    pipeline = make_pipeline(BrokenOn(poison=True), 2)
    long = ("a", {"type": "change", "add": ["s5", "x1", "x2"]}), ("a", {"type": "change", "add": ["s5", "y1", "y2"]})
    done = process(pipeline, records_of(*long * 3, ("a", change("s0"))))
    pipeline.close()
    assert done.rejects == dict.fromkeys(range(6), Reason.INFERENCE)


@pytest.mark.parametrize("events", [1, 5])
def test_a_model_that_fails_on_everything_stops_the_worker(events: int) -> None:
    pipeline = make_pipeline(BrokenOn(empty=True), 10)
    with pytest.raises(
        Stop, match=r"small-1 fails even on an empty playlist: the graph fell over; deploy another bundle"
    ):
        process(pipeline, records_of(*[("a", change("s0"))] * events))
    pipeline.close()


def test_a_model_that_fails_on_many_at_once_only_stops_the_worker() -> None:
    """Else the batch would be tried for ever."""
    pipeline = make_pipeline(BrokenOn(together=4), 10)
    with pytest.raises(Stop, match=r"4 playlists together and on none alone: .*SONGPRINT_BATCH__CHUNK_EVENTS"):
        process(pipeline, records_of(*[("a", change("s0"))] * 4))
    pipeline.close()


def test_the_next_chunk_is_folded_while_the_models_run() -> None:
    """Else the models and the rest of the work would wait for each other."""
    folded = threading.Event()

    class Waiting(SmallModel):
        def run(self, features: Features) -> Scores:
            assert folded.wait(10), "the second chunk waits for the first one's scores"
            return super().run(features)

    class Watched(dict[bytes, UserState | None]):
        def __missing__(self, key: bytes) -> None:
            if key == b"c":
                folded.set()

    pipeline = make_pipeline(Waiting(), chunk_events=1)
    records = records_of(("a", change("s0")), ("c", change("s1")))
    decoded = pipeline.decode(records)
    outputs = list(pipeline.process(records, decoded, {1: Watched()}, {1: {}}))
    pipeline.close()
    assert [key for each in outputs for key, _, _ in each.records] == [b"a", b"c"]


def test_relabelling_repeats_the_label_of_everyone_who_may_be_labelled(pipeline: Pipeline) -> None:
    events = [
        ("a", change("s0", "s1")),
        ("a", change("s2")),
        ("c", change("s3")),
        ("c", {"type": "consent", "labelling": False}),
    ]
    done = process(pipeline, records_of(*events))
    users = {user: state for user, state in done.states[1].items() if state is not None}
    (record,) = pipeline.relabel(1, users, b'"2026-02-01T00:00:00Z"').records
    key, value, headers = record
    assert value is not None
    assert (key, headers) == (b"a", None)
    last = done.labels[1][1]
    assert last is not None
    assert json.loads(value) == {**last, "reason": "relabel", "at": "2026-02-01T00:00:00Z"}
    assert pipeline.relabel(0, {}, b'""').records == []
