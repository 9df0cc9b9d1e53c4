"""The verifier is verified: each check finds the damage that it is there for, on a stream that was good before."""

from collections.abc import Callable
from functools import cache

import msgspec
import numpy as np
import pytest

from tests.acceptance.checks import Finding, Replays, fold_changelog, verify
from tests.acceptance.events import EventMaker
from tests.acceptance.outcomes import Label, Letter, Tombstone, tell
from tests.acceptance.records import Copy, Observation, Seen
from tests.acceptance.replay import Replay, replay
from worker.contract.features import Features
from worker.contract.user_label import Abstention
from worker.contract.vocabulary import Vocabulary, song_keys
from worker.pipeline import Policy, Scores
from worker.watermark import MODEL_KEY, Identity, Watermark

POLICY = Policy(max_songs=10_000, max_event_bytes=900_000, labelling_default=True, chunk_events=64)
PARTITIONS = 3
EVENTS = 1_500
HISTORY = [(MODEL_KEY, b"zero"), (b"gone", b"state"), (b"gone", None), (MODEL_KEY, b"one")]
"""What every partition's changelog holds before the states."""


class CountingModel:
    """A model whose probabilities follow from how many songs it knows."""

    genders = ("f", "m")
    cluster_names = ("few", "many")
    abstention = Abstention(0.6, 1)

    def __init__(self, version: str) -> None:
        self.version = version
        self.vocabulary = Vocabulary(np.unique(song_keys(f"s{number}" for number in range(200))))

    def run(self, features: Features) -> Scores:
        share = features.song_counts / (features.song_counts + 7)
        pairs = np.stack([share, 1 - share], 1).astype(np.float32)
        return pairs, pairs


@cache
def good_inputs() -> list[Seen]:
    maker = EventMaker(seed=3, users=60)
    offsets = [0] * PARTITIONS
    inputs = []
    for number in range(EVENTS):
        event = maker.next()
        partition = sum(event.key or b"") % PARTITIONS
        inputs.append(Seen(partition, offsets[partition], 1_700_000_000_000 + number, *event, [("n", b"%d" % number)]))
        offsets[partition] += 1
    return sorted(inputs, key=lambda seen: seen.place)


@cache
def replays() -> Replays:
    return {version: replay(good_inputs(), CountingModel(version), POLICY, "events") for version in ("one", "two")}


def good_stream() -> Observation:
    """What a worker would have written that labels by model one, and ends with every copy complete."""
    truth = replays()["one"]
    outputs = [record_of(place, truth) for place in sorted(truth.outcomes)]
    changelog = [
        Seen(partition, offset, 0, user, state, [])
        for partition, users in truth.states.items()
        for offset, (user, state) in enumerate([*HISTORY, *users.items()])
    ]
    committed = {partition: sum(seen.partition == partition for seen in good_inputs()) for partition in truth.states}
    identity = Identity("cluster", "events", "states", PARTITIONS)
    return Observation(
        inputs=list(good_inputs()),
        labels=[seen for seen in outputs if seen.header("__connect.errors.offset") is None],
        letters=[seen for seen in outputs if seen.header("__connect.errors.offset") is not None],
        changelog=changelog,
        copies={
            partition: Copy(Watermark(identity, committed[partition], 9, "one", 0).encode(), dict(users))
            for partition, users in fold_changelog(changelog).items()
        },
        committed=committed,
        model="one",
        unreached=[],
    )


def record_of(place: tuple[int, int], truth: Replay) -> Seen:
    outcome = truth.outcomes[place]
    if isinstance(outcome, Label):
        return Seen(*place, 0, outcome.key, msgspec.json.encode(outcome.label), [])
    if isinstance(outcome, Letter):
        return Seen(*place, 0, outcome.key, outcome.value, outcome.headers)
    source = [(f"songprint.source.{name}", b"%d" % at) for name, at in zip(("partition", "offset"), place, strict=True)]
    return Seen(*place, 0, outcome.key, None, [*source, ("songprint.reason", outcome.reason)])


def findings(damaged: Observation) -> list[Finding]:
    return verify(damaged, replays())


def test_a_good_stream_passes_every_check_and_holds_every_kind_of_outcome() -> None:
    stream = good_stream()
    assert findings(stream) == []
    assert {type(outcome) for outcome in replays()["one"].outcomes.values()} == {Label, Tombstone, Letter}
    assert len(stream.labels) + len(stream.letters) == EVENTS


def labels_of_one_user(stream: Observation, count: int) -> list[int]:
    """Indexes of the first `count` labels of a user that has that many, one after the other."""
    by_user: dict[bytes | None, list[int]] = {}
    for index, seen in enumerate(stream.labels):
        if seen.value is None:
            by_user.pop(seen.key, None)
            continue
        indexes = by_user.setdefault(seen.key, [])
        indexes.append(index)
        if len(indexes) == count:
            return indexes
    raise AssertionError("there is no such user")


def an_open_transaction(stream: Observation) -> None:
    stream.unreached.append(("labels", 2))


def a_lost_label(stream: Observation) -> None:
    del stream.labels[17]


def a_lost_letter(stream: Observation) -> None:
    del stream.letters[3]


def a_label_twice(stream: Observation) -> None:
    stream.labels.insert(17, stream.labels[17])


def a_label_of_no_event(stream: Observation) -> None:
    seen = stream.labels[-1]
    assert seen.value is not None
    label = msgspec.json.decode(seen.value)
    label["source"]["offset"] += 1_000_000
    stream.labels.append(seen._replace(key=b"nobody", value=msgspec.json.encode(label)))


def a_label_with(**fields: object) -> Callable[[Observation], None]:
    def damage(stream: Observation) -> None:
        (index,) = labels_of_one_user(stream, 1)
        label = msgspec.json.decode(stream.labels[index].value or b"")
        label.update(fields)
        stream.labels[index] = stream.labels[index]._replace(value=msgspec.json.encode(label))

    return damage


def sure(stream: Observation) -> int:
    """Index of a label with a gender that is far from every threshold."""
    for index, seen in enumerate(stream.labels):
        gender = msgspec.json.decode(seen.value)["gender"] if seen.value else None
        if gender and gender["label"] and gender["probability"] > 0.8:
            return index
    raise AssertionError("no label is sure")


OTHER = {"f": "m", "m": "f", 0: 1, 1: 0}


def a_label_of_the_other(field: str, name: str) -> Callable[[Observation], None]:
    """With the probability that it should have."""

    def damage(stream: Observation) -> None:
        index = sure(stream)
        label = msgspec.json.decode(stream.labels[index].value or b"")
        label[field][name] = OTHER[label[field][name]]
        stream.labels[index] = stream.labels[index]._replace(value=msgspec.json.encode(label))

    return damage


def a_tombstone_in_a_labels_place(stream: Observation) -> None:
    (index,) = labels_of_one_user(stream, 1)
    seen = stream.labels[index]
    source = tell(seen).place
    headers = [
        (f"songprint.source.{name}", b"%d" % at) for name, at in zip(("partition", "offset"), source, strict=True)
    ]
    stream.labels[index] = seen._replace(value=None, headers=[*headers, ("songprint.reason", b"erased")])


def two_letters_of_a_user_swapped(stream: Observation) -> None:
    first: dict[bytes | None, int] = {}
    for index, seen in enumerate(stream.letters):
        if seen.key and first.setdefault(seen.key, index) != index:
            one = first[seen.key]
            stream.letters[one], stream.letters[index] = stream.letters[index], stream.letters[one]
            return
    raise AssertionError("no user has two letters")


def two_labels_of_a_user_swapped(stream: Observation) -> None:
    one, other = labels_of_one_user(stream, 2)
    stream.labels[one], stream.labels[other] = stream.labels[other], stream.labels[one]


def a_label_under_another_key(stream: Observation) -> None:
    (index,) = labels_of_one_user(stream, 1)
    stream.labels[index] = stream.labels[index]._replace(key=b"somebody else")


def a_tombstone_for_another_reason(stream: Observation) -> None:
    index = next(index for index, seen in enumerate(stream.labels) if seen.header("songprint.reason") == b"erased")
    headers = [*stream.labels[index].headers[:-1], ("songprint.reason", b"objecting")]
    stream.labels[index] = stream.labels[index]._replace(headers=headers)


def a_letter_with_another_value(stream: Observation) -> None:
    stream.letters[0] = stream.letters[0]._replace(value=b"something else")


def a_letter_that_lost_a_header(stream: Observation) -> None:
    stream.letters[0] = stream.letters[0]._replace(headers=stream.letters[0].headers[1:])


def relabelled(stream: Observation, index: int, at: int, offset: int | None = None) -> None:
    """Repeats the label at `index` before `at` as a model change would, perhaps as if it were of the event `offset`."""
    label = msgspec.json.decode(stream.labels[index].value or b"")
    label["reason"] = "relabel"
    if offset is not None:
        label["source"]["offset"] = offset
    stream.labels.insert(at, stream.labels[index]._replace(value=msgspec.json.encode(label)))


def a_relabelling_older_than_an_event(stream: Observation) -> None:
    one, other = labels_of_one_user(stream, 2)
    relabelled(stream, one, other + 1)


def a_relabelling_of_an_objecting_user(stream: Observation) -> None:
    silenced = next(i for i, seen in enumerate(stream.labels) if seen.header("songprint.reason") == b"objecting")
    label = next(i for i, seen in enumerate(stream.labels) if seen.value and seen.key == stream.labels[silenced].key)
    relabelled(stream, label, silenced + 1)


def a_relabelling_that_takes_an_objection_for_an_event(stream: Observation) -> None:
    silenced = next(i for i, seen in enumerate(stream.labels) if seen.header("songprint.reason") == b"objecting")
    label = next(i for i, seen in enumerate(stream.labels) if seen.value and seen.key == stream.labels[silenced].key)
    relabelled(stream, label, silenced + 1, tell(stream.labels[silenced]).place[1])


def a_state_less(stream: Observation) -> None:
    gone = stream.changelog.pop()
    assert gone.key is not None
    del stream.copies[gone.partition].states[gone.key]


def a_state_with_another_song(stream: Observation) -> None:
    seen = stream.changelog[-1]
    assert seen.key is not None
    assert seen.value is not None
    stream.changelog[-1] = seen._replace(value=seen.value + bytes(8))
    stream.copies[seen.partition].states[seen.key] = seen.value + bytes(8)


def an_erased_user_who_survived_in_redis(stream: Observation) -> None:
    stream.copies[0].states[b"erased"] = bytes(10)


def a_user_missing_from_redis(stream: Observation) -> None:
    stream.copies[0].states.popitem()


def a_stale_state_in_redis(stream: Observation) -> None:
    user, state = stream.copies[0].states.popitem()
    stream.copies[0].states[user] = state[:-8]


def redis_ahead_of_kafka(stream: Observation) -> None:
    watermark = Watermark.decode(stream.copies[0].watermark)
    assert watermark is not None
    ahead = msgspec.structs.replace(watermark, offset=watermark.offset + 1)
    stream.copies[0] = stream.copies[0]._replace(watermark=ahead.encode())  # type: ignore[index]


def an_event_beyond_the_committed_offset(stream: Observation) -> None:
    stream.committed[1] -= 1  # type: ignore[index]
    stream.copies[1] = stream.copies[1]._replace(watermark=None)  # type: ignore[index]


def a_label_by_the_other_model(stream: Observation) -> None:
    """Which was deployed before, so that the label as such is right, but nobody has labelled the user again."""
    index = next(index for index in reversed(range(len(stream.labels))) if stream.labels[index].value)
    label = msgspec.json.decode(stream.labels[index].value or b"")
    label["model"] = "two"
    stream.labels[index] = stream.labels[index]._replace(value=msgspec.json.encode(label))


GENDER = {"label": "m", "probability": 0.9173}
CLUSTER = {"id": 1, "name": "many", "probability": 0.9173}
DAMAGES = [
    (an_open_transaction, "check_nothing_hangs"),
    (a_lost_label, "check_each_event_once"),
    (a_lost_letter, "check_each_event_once"),
    (a_label_twice, "check_each_event_once"),
    (a_label_of_no_event, "check_each_event_once"),
    (a_label_with(gender=GENDER), "check_outcomes"),
    (a_label_with(cluster=CLUSTER), "check_outcomes"),
    (a_label_of_the_other("gender", "label"), "check_outcomes"),
    (a_label_of_the_other("cluster", "id"), "check_outcomes"),
    (a_label_with(songs=77), "check_outcomes"),
    (a_label_with(known_songs=77), "check_outcomes"),
    (a_label_with(user="somebody else"), "check_outcomes"),
    (a_label_with(at="2020-01-01T00:00:00Z"), "check_outcomes"),
    (a_label_with(model="unheard of"), "check_outcomes"),
    (two_labels_of_a_user_swapped, "check_outcomes"),
    (two_letters_of_a_user_swapped, "check_outcomes"),
    (a_tombstone_in_a_labels_place, "check_outcomes"),
    (a_label_under_another_key, "check_outcomes"),
    (a_tombstone_for_another_reason, "check_outcomes"),
    (a_letter_with_another_value, "check_outcomes"),
    (a_letter_that_lost_a_header, "check_outcomes"),
    (a_relabelling_older_than_an_event, "check_outcomes"),
    (a_relabelling_of_an_objecting_user, "check_outcomes"),
    (a_relabelling_that_takes_an_objection_for_an_event, "check_outcomes"),
    (a_state_less, "check_changelog"),
    (a_state_with_another_song, "check_changelog"),
    (an_erased_user_who_survived_in_redis, "check_copies"),
    (a_user_missing_from_redis, "check_copies"),
    (a_stale_state_in_redis, "check_copies"),
    (redis_ahead_of_kafka, "check_copies"),
    (an_event_beyond_the_committed_offset, "check_nothing_is_left"),
    (a_label_by_the_other_model, "check_present_model"),
]


@pytest.mark.parametrize(("damage", "check"), DAMAGES, ids=lambda value: getattr(value, "__name__", value))
def test_damage_fails_the_check_that_is_there_for_it_and_no_other(
    damage: Callable[[Observation], None], check: str
) -> None:
    stream = good_stream()
    damage(stream)
    assert [finding.check for finding in findings(stream)] == [check]


def test_a_relabelling_of_the_last_word_is_welcome() -> None:
    stream = good_stream()
    (index,) = labels_of_one_user(stream, 1)
    relabelled(stream, index, index + 1)
    assert findings(stream) == []


def test_a_copy_that_does_not_claim_to_be_complete_is_not_compared() -> None:
    stream = good_stream()
    behind = Watermark(Identity("cluster", "events", "states", PARTITIONS), stream.committed[1] - 1, 9, "one", 0)
    stream.copies[0] = Copy(b"claim 1234", {})  # type: ignore[index]
    stream.copies[1] = Copy(behind.encode(), {})  # type: ignore[index]
    assert findings(stream) == []


def test_a_probability_may_differ_by_rounding_and_no_more() -> None:
    stream = good_stream()
    (index,) = labels_of_one_user(stream, 1)
    label = msgspec.json.decode(stream.labels[index].value or b"")
    exact = label["gender"]["probability"]
    for off, found in ((0.0001, 0), (0.0003, 1)):
        label["gender"]["probability"] = exact + off
        stream.labels[index] = stream.labels[index]._replace(value=msgspec.json.encode(label))
        assert len(findings(stream)) == found
