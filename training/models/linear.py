"""Baselines without an encoder: the majority, and logistic regression on the songs themselves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from training.calibration import fit_temperature
from training.datasets.playlists import GENDERS, UNKNOWN_GENDER, Sparse, playlist_lengths, song_users
from training.datasets.split import Rows
from training.models.interface import Examples, Fitted
from training.models.ranges import NotNegative
from training.serving import Serving, single_logit
from training.watch import Watch

MAX_ITERATIONS = 1_000


@dataclass(frozen=True)
class Majority:
    """Tells everybody the share of the genders; what every other model is to be compared with."""

    def fit(self, examples: Examples, held: Rows, seed: int, watch: Watch) -> Fitted:  # noqa: ARG002
        """Count."""
        known = np.flatnonzero(examples.gender != UNKNOWN_GENDER)
        songs = examples.matrix.shape[1]
        return Fitted(
            serving=_constant(songs, examples.gender[known]),
            rehearsal=_constant(songs, examples.gender[np.setdiff1d(known, held)]),
        )


def _constant(songs: int, gender: NDArray[np.int8]) -> Serving:
    share = float(np.clip((gender == len(GENDERS) - 1).mean(), 1e-6, 1 - 1e-6))
    head = single_logit(np.zeros(1, dtype=np.float32), float(np.log(share / (1 - share))))
    return Serving(np.zeros((songs, 1), np.float32), np.zeros(1, np.float32), 0.0, "linear", head)


@dataclass(frozen=True)
class Logistic:
    """Regularised logistic regression on songs weighted by users^-popularity and playlists by songs^-length.

    With more than one value of a parameter, the one of the least log loss on the held-out users, after calibration, is
    taken: before it, the loss would choose for calibration what is to be chosen for telling genders apart.
    """

    length_exponents: tuple[NotNegative, ...]
    popularity_exponents: tuple[NotNegative, ...]
    strengths: tuple[float, ...]

    def fit(self, examples: Examples, held: Rows, seed: int, watch: Watch) -> Fitted:  # noqa: ARG002
        """Search on the held-out users, then fit on all."""
        learn = np.setdiff1d(np.flatnonzero(examples.gender != UNKNOWN_GENDER), held)
        tried = [
            (_fit(examples.rows(learn), length, popularity, strength), (length, popularity, strength))
            for length in self.length_exponents
            for popularity in self.popularity_exponents
            for strength in self.strengths
        ]
        losses = [_calibrated_loss(serving, examples.rows(held)) for serving, _ in tried]
        rehearsal, chosen = tried[int(np.argmin(losses))]
        watch({"phase": "logistic regression", "epoch": 1, "validation_loss": min(losses)}, 1)
        return Fitted(serving=_fit(examples.labelled(), *chosen), rehearsal=rehearsal)


def _fit(examples: Examples, length: float, popularity: float, strength: float) -> Serving:
    users = song_users(examples.matrix) + 1.0
    weight = (users / users.mean()) ** -popularity
    rows = _scaled(examples.matrix, length, weight)
    # One scale for every exponent, so that the strengths mean the same.
    scale = 1 / np.sqrt(rows.power(2).sum(axis=1).mean())
    # On several threads the solver spends most of its time waiting for them.
    with threadpool_limits(1):
        model = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS).fit(rows * scale, examples.target)
    column = (model.coef_[0] * weight * scale).astype(np.float32)
    # A song that nobody in this part has says nothing.
    table = np.where(song_users(examples.matrix) > 0, column, 0).astype(np.float32)[:, None]
    head = single_logit(np.ones(1, dtype=np.float32), float(model.intercept_[0]))
    return Serving(table, np.zeros(1, np.float32), length, "linear", head)


def _calibrated_loss(serving: Serving, held: Examples) -> float:
    logits = serving.logits(held.matrix)
    scaled = logits / fit_temperature(logits, held.target)
    return float(np.mean(np.logaddexp(0, scaled) - held.target * scaled))


def _scaled(matrix: Sparse, length: float, weight: NDArray[np.float64]) -> Sparse:
    """float64 [users, songs]: playlists times songs^-length, songs times their weight."""
    lengths = np.maximum(playlist_lengths(matrix), 1).astype(np.float64)
    scaled = matrix.astype(np.float64)
    scaled.data *= np.repeat(lengths**-length, playlist_lengths(matrix)) * weight[matrix.indices]
    return scaled
