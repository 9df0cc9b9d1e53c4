"""The truth to compare with: the same events, one after another on one thread, through the worker's own pipeline."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from tests.acceptance.outcomes import Letter, Outcome, tell
from tests.acceptance.records import Place, Seen, States
from worker.adapters.ports import Records
from worker.contract.user_state import UserState
from worker.dead_letter import dead_letter
from worker.pipeline import Changes, Model, Pipeline, Policy

BATCH = 500


class Replay(NamedTuple):
    """What one model makes of the events."""

    outcomes: dict[Place, Outcome]
    """By the input record that each belongs to."""
    states: States
    threshold: float
    """Probability from which the model tells a gender."""


class _Known(dict[bytes, UserState | None]):
    """States by user; whoever is missing is new."""

    def __missing__(self, key: bytes) -> None:
        return None


def replay(inputs: Sequence[Seen], model: Model, policy: Policy, topic: str) -> Replay:
    """Labels `inputs`, which are in offset order, partition after partition; `topic` is what dead letters name."""
    pipeline = Pipeline(model, policy)
    known: dict[int, _Known] = defaultdict(_Known)
    outcomes: dict[Place, Outcome] = {}
    try:
        for partition, events in groupby(inputs, lambda seen: seen.partition):
            for batch in _batches(list(events)):
                outcomes |= _process(pipeline, topic, batch, known[partition])
    finally:
        pipeline.close()
    states = {
        partition: {user: state.pack() for user, state in users.items() if state is not None}
        for partition, users in known.items()
    }
    return Replay(outcomes, states, model.abstention.threshold)


def _batches(events: list[Seen]) -> Iterator[list[Seen]]:
    return (events[start : start + BATCH] for start in range(0, len(events), BATCH))


def _process(pipeline: Pipeline, topic: str, events: list[Seen], known: _Known) -> dict[Place, Outcome]:
    partition = events[0].partition
    records = Records(
        [event.partition for event in events],
        [event.offset for event in events],
        [event.timestamp for event in events],
        [event.key for event in events],
        [event.value for event in events],
        lambda index: events[index].headers,
        None,
    )
    changed: Changes = {partition: {}}
    outcomes: dict[Place, Outcome] = {}
    for part in pipeline.process(records, pipeline.decode(records), {partition: known}, changed):
        for key, value, headers in part.records:
            told = tell(Seen(-1, -1, 0, key, value, headers or []))
            outcomes[told.place] = told.outcome
        for rejected in part.rejected:
            letter = dead_letter(topic, records, rejected)
            outcomes[events[rejected.record].place] = Letter(letter.key, letter.value, [*letter.headers, *letter.about])
    known.update(changed[partition])
    return outcomes
