"""Making probabilities mean what they say, and choosing when to say nothing. All on users held out of training."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from training.datasets.playlists import Sparse
from training.models.interface import Examples
from training.serving import Serving

PRECISION = 0.85
"""Share of right genders that published labels are to reach, unless another is asked for."""

LENGTHS = (1, 2, 3, 4, 5, 8, 12)
"""Numbers of songs tried as the least that a label needs."""

SLACK = 0.1
"""How much less often than promised a label may be right on the shortest playlists that get one."""

SIGNIFICANT = 1.64
"""Standard errors by which short playlists have to miss that before they get no label: chance is one in twenty."""


@dataclass(frozen=True)
class Calibration:
    """`precision` and `coverage` are those of labels at or above the threshold among the held-out users."""

    temperature: float
    threshold: float
    precision: float
    coverage: float
    min_known_songs: int


def calibrate(serving: Serving, held: Examples, precision: float, seed: int) -> Calibration:
    """Temperature, threshold and least number of songs, from users that the model has not seen."""
    logits = serving.logits(held.matrix)
    temperature = fit_temperature(logits, held.target)
    confidence, right = judge(logits / temperature, held.target)
    threshold = choose_threshold(confidence, right, precision)
    least = _least_songs(serving, held, temperature, threshold, precision, seed)
    published = confidence >= threshold
    return Calibration(
        temperature=temperature,
        threshold=threshold,
        precision=float(right[published].mean()) if published.any() else 1.0,
        coverage=float(published.mean()),
        min_known_songs=least,
    )


def fit_temperature(logits: NDArray[np.float64], target: NDArray[np.float32]) -> float:
    """The temperature that the logits are to be divided by for the least log loss."""

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, scaled) - target * scaled))

    return float(np.exp(minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded").x))


def judge(logits: NDArray[np.float64], target: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """The likelier class's probability, and whether that class is the right one; both [users]."""
    return 1 / (1 + np.exp(-np.abs(logits))), (logits > 0) == (target > 0.5)


def choose_threshold(confidence: NDArray[np.float64], right: NDArray[np.bool_], precision: float) -> float:
    """The lowest confidence from which on labels are right as often as promised.

    Counting the right ones alone would pick a lucky place among many; so would trusting the probabilities alone where
    they are off. The promise has to hold by the mean of both. 1 (never publish) where it holds nowhere.
    """
    order = np.argsort(-confidence, kind="stable")
    evidence = (confidence[order] + right[order]) / 2
    reached = np.cumsum(evidence) / np.arange(1, len(order) + 1) >= precision
    # Among the first few any share is possible: at least one user in a hundred has to be labelled.
    reached[: len(order) // 100] = False
    return float(confidence[order[np.flatnonzero(reached)[-1]]]) if reached.any() else 1.0


def _least_songs(
    serving: Serving, held: Examples, temperature: float, threshold: float, precision: float, seed: int
) -> int:
    """The least number of songs with which labels are about as good as promised, measured on shortened playlists."""
    least, bar = LENGTHS[0], precision - SLACK
    for songs in LENGTHS:
        matrix = shorten(held.matrix, songs, np.random.default_rng(seed))
        confidence, right = judge(serving.logits(matrix) / temperature, held.target)
        labels = right[confidence >= threshold]
        error = np.sqrt(bar * (1 - bar) / max(len(labels), 1))
        if len(labels) and labels.mean() + SIGNIFICANT * error < bar:
            least = songs + 1
    return least


def shorten(matrix: Sparse, songs: int, rng: np.random.Generator) -> Sparse:
    """Every playlist cut down to at most `songs` of its songs, chosen at random."""
    owner = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    order = np.lexsort((rng.random(matrix.nnz), owner))
    place = np.arange(matrix.nnz) - matrix.indptr[owner]
    dropped = order[place >= songs]
    short = matrix.copy()
    short.data[dropped] = 0
    short.eliminate_zeros()
    return short
