"""How far the stream has moved away from the users on whom the model was validated.

The measure is the population stability index, sum of (a - e) ln(a / e) over the classes of a distribution, where e is
a class's share among the held-out users of training and a its share among recent labels. By a rule of thumb of credit
scoring, below 0.1 nothing has happened, and above 0.25 the population is another one.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

ABSTAINED = "abstained"
"""The reference's name for users without a published gender."""
HALF_LIFE = 20_000
"""After so many further labels a label counts half: a window that never ends at once and needs no memory of its own."""
_PRIOR = 0.5  # of a user in every class, or an empty class would make the index infinite

Shares = Annotated[list[Annotated[float, msgspec.Meta(ge=0, le=1)]], msgspec.Meta(min_length=1)]


class Histogram(msgspec.Struct, frozen=True):
    """One share per interval between edges; the last interval includes its upper edge."""

    edges: list[float]
    shares: Shares


class Reference(msgspec.Struct, frozen=True):
    """What the model said of held-out users, as the bundle's distribution.json has it."""

    users: Annotated[int, msgspec.Meta(ge=1)]
    gender: dict[str, float]
    cluster: Shares
    confidence: Histogram
    known_song_share: Histogram
    playlist_length: Histogram


class Labels(NamedTuple):
    """What is watched of N labels, as columns."""

    genders: NDArray[np.integer]
    """Index into the model's classes; their number stands for an abstention."""
    clusters: NDArray[np.integer]
    confidence: NDArray[np.float64]
    known_share: NDArray[np.float64]
    lengths: NDArray[np.integer]


class Watched:
    """One distribution: its reference, and the decaying counts of the stream."""

    def __init__(self, shares: Sequence[float], users: int, edges: Sequence[float] | None = None) -> None:
        self._expected = _smoothed(np.array(shares, np.float64) * users)
        self._edges = None if edges is None else np.array(edges, np.float64)
        self._counts = np.zeros(len(shares), np.float64)

    def add(self, values: NDArray[np.number], decay: float) -> None:
        """Counts classes, or values that fall between edges; what was counted before keeps the share `decay`."""
        last = len(self._counts) - 1
        if self._edges is not None:
            values = np.clip(np.searchsorted(self._edges, values, side="right") - 1, 0, last)
        self._counts *= decay
        self._counts += np.bincount(values.astype(np.int64), minlength=last + 1)

    def index(self) -> float:
        """The population stability index; 0 before the first label."""
        if not self._counts.any():
            return 0.0
        actual = _smoothed(self._counts)
        return float(((actual - self._expected) * np.log(actual / self._expected)).sum())


class Drift:
    """Watches the labels of one model. Fed by the loop's thread, read by the one that serves metrics.

    Args:
        genders: the model's classes.
        half_life: labels after which a label counts half.
    """

    def __init__(self, reference: Reference, genders: Sequence[str], half_life: int = HALF_LIFE) -> None:
        users = reference.users
        self._half_life = half_life
        self._labels = 0.0
        self._lock = threading.Lock()
        self._watched = {
            "gender": Watched([reference.gender[gender] for gender in (*genders, ABSTAINED)], users),
            "cluster": Watched(reference.cluster, users),
            **{
                name: Watched(histogram.shares, users, histogram.edges)
                for name, histogram in (
                    ("confidence", reference.confidence),
                    ("known_song_share", reference.known_song_share),
                    ("playlist_length", reference.playlist_length),
                )
            },
        }

    @property
    def names(self) -> Sequence[str]:
        return list(self._watched)

    @property
    def labels(self) -> float:
        """How many labels the indexes stand on, older ones counted less."""
        with self._lock:
            return self._labels

    def observe(self, labels: Labels) -> None:
        count = len(labels.genders)
        decay = 0.5 ** (count / self._half_life)
        with self._lock:
            self._labels = self._labels * decay + count
            for watched, values in zip(self._watched.values(), labels, strict=True):
                watched.add(values, decay)

    def index(self, name: str) -> float:
        """The population stability index of one of `names`."""
        with self._lock:
            return self._watched[name].index()


def drift_of(distribution: Mapping[str, object], genders: Sequence[str], clusters: int) -> Drift | None:
    """A watch on a bundle's labels; None if the bundle tells no distribution to compare with."""
    try:
        reference = msgspec.convert(distribution, Reference)
    except msgspec.ValidationError:
        return None
    histograms = (reference.confidence, reference.known_song_share, reference.playlist_length)
    whole = all(len(histogram.edges) == len(histogram.shares) + 1 for histogram in histograms)
    if not whole or len(reference.cluster) != clusters or set(reference.gender) != {*genders, ABSTAINED}:
        return None
    return Drift(reference, genders)


def _smoothed(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = (counts + _PRIOR) / (counts.sum() + _PRIOR * len(counts))
    return shares
