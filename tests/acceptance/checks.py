"""The promise as checks of plain data. Each returns the first difference in words, or None."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from tests.acceptance.compare import difference
from tests.acceptance.outcomes import Label, Told, tell
from tests.acceptance.records import Observation, Seen, States
from tests.acceptance.replay import Replay
from worker.watermark import MODEL_KEY, Watermark

Replays = Mapping[str, Replay]
"""By the version of the model; all have the same states."""


class Finding(NamedTuple):
    check: str
    difference: str


def check_nothing_hangs(seen: Observation, _replays: Replays) -> str | None:
    """No transaction is left open: a plain record appended to every partition is reached by a read_committed reader."""
    if not seen.unreached:
        return None
    topic, partition = seen.unreached[0]
    return f"{topic}, partition {partition}: an open transaction hides a plain record from read_committed readers"


def check_each_event_once(seen: Observation, _replays: Replays) -> str | None:
    """Labels, tombstones and dead letters account for every input record once, and for nothing else."""
    told = Counter(each.place for each in _told(seen) if not each.relabelled)
    for record in seen.inputs:
        count = told.pop(record.place, 0)
        if count != 1:
            return f"{count} outcomes of the event at {record.place}: {_short(record)}"
    if told:
        return f"an outcome of an event that does not exist, at {min(told)}"
    return None


def check_outcomes(seen: Observation, replays: Replays) -> str | None:
    """Every outcome is the replay's, and a user's outcomes come in the order of the events."""
    any_replay = next(iter(replays.values()))
    for each in _told(seen):
        model = each.outcome.label.model if isinstance(each.outcome, Label) else None
        replay = any_replay if model is None else replays.get(model)
        if replay is None:
            return f"a label by a model that was never deployed, {model!r}: {_short(each.seen)}"
        expected = replay.outcomes.get(each.place)
        if expected is None:
            continue  # it is not of any event: that is for check_each_event_once to say
        different = difference(each.outcome, expected, replay.threshold)
        if different:
            return f"the outcome of the event at {each.place}: {different}; it is {_short(each.seen)}"
    return _disorder(map(tell, seen.labels)) or _disorder(map(tell, seen.letters))


def check_changelog(seen: Observation, replays: Replays) -> str | None:
    """The changelog, folded, is the replay's states."""
    return _different_states("the changelog", fold_changelog(seen.changelog), next(iter(replays.values())).states)


def check_copies(seen: Observation, _replays: Replays) -> str | None:
    """Where Redis says that it is complete, it is the changelog, every key of it; and it never claims to be ahead."""
    truth = fold_changelog(seen.changelog)
    for partition, copy in sorted(seen.copies.items()):
        watermark = Watermark.decode(copy.watermark)
        committed = seen.committed.get(partition, 0)
        if watermark is None or watermark.offset < committed:
            continue
        if watermark.offset > committed:
            return f"Redis, partition {partition}, is at offset {watermark.offset}, but only {committed} is committed"
        different = _different_states("Redis", {partition: copy.states}, {partition: truth.get(partition, {})})
        if different:
            return different
    return None


def check_nothing_is_left(seen: Observation, _replays: Replays) -> str | None:
    """No input record lies beyond the committed offset."""
    for record in seen.inputs:
        if record.offset >= seen.committed.get(record.partition, 0):
            return (
                f"partition {record.partition}: {seen.committed.get(record.partition)} is committed, "
                f"but there is an event at {record.offset}"
            )
    return None


def check_present_model(seen: Observation, _replays: Replays) -> str | None:
    """Whoever has a label has one of the model that was deployed last."""
    last = {record.key: record for record in seen.labels}
    for record in last.values():
        outcome = tell(record).outcome
        if isinstance(outcome, Label) and outcome.label.model != seen.model:
            return f"the last label of {record.key!r} is of the model {outcome.label.model}: {_short(record)}"
    return None


CHECKS: Sequence[Callable[[Observation, Replays], str | None]] = (
    check_nothing_hangs,
    check_each_event_once,
    check_outcomes,
    check_changelog,
    check_copies,
    check_nothing_is_left,
    check_present_model,
)


def verify(seen: Observation, replays: Replays) -> list[Finding]:
    """What all checks find; empty if the promise was kept."""
    found = ((check.__name__, check(seen, replays)) for check in CHECKS)
    return [Finding(name, different) for name, different in found if different]


def fold_changelog(changelog: Sequence[Seen]) -> States:
    """The last state of every user that has one."""
    states: States = {}
    for record in changelog:
        if record.key == MODEL_KEY:
            continue  # it speaks of all users
        users = states.setdefault(record.partition, {})
        if record.value is None:
            users.pop(record.key or b"", None)
        else:
            users[record.key or b""] = record.value
    return states


def _told(seen: Observation) -> list[Told]:
    return [tell(record) for record in (*seen.labels, *seen.letters)]


def _disorder(outcomes: Iterable[Told]) -> str | None:
    """An outcome after a younger one of the same user, or a relabelling of what is not the user's last word."""
    last: dict[bytes | None, Told] = {}
    for each in outcomes:
        before = last.get(each.seen.key)
        if before and each.seen.key is not None and _stale(each, before):
            return f"the outcome of {each.place} comes after the one of {before.place}: {_short(each.seen)}"
        last[each.seen.key] = each
    return None


def _stale(each: Told, before: Told) -> bool:
    return each.place != before.place if each.relabelled else each.place < before.place


def _different_states(where: str, seen: States, expected: States) -> str | None:
    for partition in sorted({*seen, *expected}):
        got, want = seen.get(partition, {}), expected.get(partition, {})
        for user in sorted({*got, *want}):
            if got.get(user) != want.get(user):
                return (
                    f"{where}, partition {partition}, user {user!r}: {_hex(got.get(user))}, "
                    f"expected {_hex(want.get(user))}"
                )
    return None


def _hex(state: bytes | None) -> str:
    return "nothing" if state is None else f"{len(state)} bytes {state[:40].hex(' ', 8)}"


def _short(record: Seen) -> str:
    text = repr(record._replace(value=record.value and record.value[:400]))
    return text if len(text) < 1000 else f"{text[:1000]}…"
