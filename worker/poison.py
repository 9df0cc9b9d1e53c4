"""The playlists on which a model fails."""

from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from worker.contract.features import Features, build_features
from worker.errors import Stop

NOTHING = b""
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


def find_poisoned(
    run: Callable[[Features], object], playlists: Sequence[bytes], model: str, error: Exception
) -> list[int]:
    """Indexes of the playlists (packed rows) on which `run` fails, in rising order; `error` is how it failed on all.

    Found by halving. Raises Stop if it is not the playlists' fault, which no retry would mend.
    """

    def fails(some: Sequence[bytes]) -> bool:
        try:
            run(build_features(some))
        except Exception:  # whatever it is, it is `error` again, which travels on
            return True
        return False

    if fails([NOTHING]):
        raise Stop(f"the model {model} fails even on an empty playlist: {error}; deploy another bundle") from error
    poisoned = []
    suspects = [range(len(playlists))]
    while suspects:
        some = suspects.pop()
        if not fails(playlists[some.start : some.stop]):
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
