"""What the model says of held-out users: the reference that the stream's drift is measured against."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.datasets.playlists import GENDERS
from worker.contract.user_label import Abstention, published

CONFIDENCE_EDGES = tuple(np.round(np.linspace(0.5, 1, 11), 2).tolist())
KNOWN_SHARE_EDGES = tuple(np.round(np.linspace(0, 1, 11), 2).tolist())
LENGTH_EDGES = (0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 10_000)


def describe_distribution(
    probability: NDArray[np.float64],
    abstention: Abstention,
    clusters: NDArray[np.int64],
    songs: NDArray[np.int64],
    known: NDArray[np.int64],
) -> dict[str, Any]:
    """Shares that sum to 1, under the rule by which the worker publishes or abstains.

    `clusters` counts users per cluster. The other arrays are [users]: the second gender's probability, the number of
    songs, and how many of those were known. A histogram has one share per interval between edges; the last interval
    includes its upper edge.
    """
    both = np.column_stack([1 - probability, probability])
    told = np.bincount(published(both, known, abstention), minlength=len(GENDERS) + 1) / len(probability)
    return {
        "users": len(probability),
        "gender": dict(zip((*GENDERS, "abstained"), told.tolist(), strict=True)),
        "cluster": (clusters / clusters.sum()).tolist(),
        "confidence": _histogram(both.max(1), CONFIDENCE_EDGES),
        "known_song_share": _histogram(known / np.maximum(songs, 1), KNOWN_SHARE_EDGES),
        "playlist_length": _histogram(songs, LENGTH_EDGES),
    }


def _histogram(values: NDArray[Any], edges: tuple[float, ...]) -> dict[str, list[float]]:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    return {"edges": list(edges), "shares": (counts / max(counts.sum(), 1)).tolist()}
