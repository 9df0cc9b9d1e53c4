"""The playlists on which a model fails."""

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from worker.adapters.ports import Records
from worker.contract.event import Event
from worker.contract.features import Features, build_features
from worker.contract.user_state import UserState
from worker.errors import Reject, Stop

NOTHING = b""
User = tuple[int, bytes | None]
"""A partition and a key."""
Answer = TypeVar("Answer")


class Survivors(NamedTuple, Generic[Answer]):
    """The playlists that a model does not fail on, and what it says of them."""

    indexes: list[int]
    features: Features
    answer: Answer


def run_on_survivors(run: Callable[[Features], Answer], playlists: Sequence[bytes], model: str) -> Survivors[Answer]:
    """Runs a model on `playlists` (packed rows) without those that it fails on.

    Raises Stop as `find_poisoned` does.
    """
    left = list(range(len(playlists)))
    while True:  # each time around there are fewer, or a Stop
        features = build_features([playlists[index] for index in left])
        try:
            return Survivors(left, features, run(features))
        except Exception as error:
            poisoned = find_poisoned(run, [playlists[index] for index in left], model, error)
            guilty = {left[row] for row in poisoned}
            left = [index for index in left if index not in guilty]


def fails_on(run: Callable[[Features], object], playlists: Sequence[bytes]) -> bool:
    """Whether `run` fails on these playlists together."""
    try:
        run(build_features(playlists))
    except Exception:  # it is the error again that has led here, which travels on
        return True
    return False


def find_poisoned(
    run: Callable[[Features], object], playlists: Sequence[bytes], model: str, error: Exception
) -> list[int]:
    """Indexes of the playlists (packed rows) on which `run` fails, in rising order; `error` is how it failed on all.

    Found by halving. Raises Stop if it is not the playlists' fault, which no retry would mend.
    """
    if fails_on(run, [NOTHING]):
        raise Stop(f"the model {model} fails even on an empty playlist: {error}; deploy another bundle") from error
    poisoned = []
    suspects = [range(len(playlists))]
    while suspects:
        some = suspects.pop()
        if not fails_on(run, playlists[some.start : some.stop]):
            continue
        if len(some) == 1:
            poisoned.append(some.start)
        else:
            half = len(some) // 2
            suspects += [some[half:], some[:half]]
    if not poisoned:
        raise Stop(
            f"the model {model} failed on {len(playlists)} playlists together and on none alone: {error}; give the "
            "worker more memory, or set SONGPRINT_BATCH__CHUNK_EVENTS lower"
        ) from error
    return poisoned


def poisoned_events(
    first: Mapping[User, int],
    records: Records,
    events: Sequence[Event | Reject],
    before: Mapping[int, Mapping[bytes, UserState | None]],
    fold: Callable[[UserState | None, Event, int], UserState | None],
    fails: Callable[[UserState], bool],
) -> list[int]:
    """Indexes of a batch's events to reject, so that the models fail on none of those that are left.

    Without a user's first poisoned event, what followed from it may be all right, or too long no more and poisoned
    itself. So these users' events are tried one by one: to reject the first of each user and label the batch again
    would take a pass for every poisoned event, and the group does not wait for hundreds of them.

    Args:
        first: the users on whom the models fail, with their first event of which that is true.
        before: the states before the batch.
        fold: the state after an event at an offset; raises Reject.
        fails: whether the models fail on a state.
    """
    states = {(partition, key): before[partition][key] for partition, key in first if key is not None}
    poisoned = []
    for index, (partition, key, event) in enumerate(zip(records.partitions, records.keys, events, strict=True)):
        user = (partition, key)
        if user not in states or isinstance(event, Reject):
            continue
        try:
            state = fold(states[user], event, records.offsets[index])
        except Reject:
            continue  # with a reason of its own
        if index == first[user] or (index > first[user] and state is not None and fails(state)):
            poisoned.append(index)
        else:
            states[user] = state
    return poisoned
