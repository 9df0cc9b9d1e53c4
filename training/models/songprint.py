"""The default model: a relu bag of songs whose table is free and, beside it, a mix of fixed factors.

The factors carry what playlists have in common whether or not their users' gender is known; the free table learns what
single songs tell. Both paths are linear in the songs up to the relu, so that one fused row per song serves.
"""

from dataclasses import dataclass

import numpy as np

from training.datasets.split import Rows
from training.models.bag_network import BagInputs, BagNetwork, BagSettings, BagWeights
from training.models.early_stopping import best_epoch, run_epochs
from training.models.factors import song_factors
from training.models.interface import Examples, Fitted
from training.models.ranges import Count, Positive, Share
from training.models.song_weights import SongWeights, popularity_weights
from training.serving import Floats, Serving, single_logit
from training.watch import Watch


@dataclass(frozen=True)
class _Fixed:
    """What is fixed before training: the songs' weights and factors."""

    weights: SongWeights
    factors: Floats

    def inputs(self, examples: Examples) -> BagInputs:
        rows = self.weights.rows(examples.matrix)
        return BagInputs(rows, rows @ self.factors, examples.target)


@dataclass(frozen=True)
class _Attempt:
    """What came of one way of weighing songs, trained without the held-out users."""

    exponent: float
    epochs: int
    rehearsal: Serving
    # Mean logistic loss on the held-out users.
    loss: float


@dataclass(frozen=True)
class Songprint:
    """Parameters; the defaults are those of the recipe `songprint`."""

    # Columns of the served table that tell gender, and those that tell taste. The relu never clips the latter, so that
    # clusters are found among playlists as they differ and not only among degrees of one gender or the other.
    units: Count = 112
    taste_units: Count = 16
    # Fixed factors, and the RMS norm that playlists have in them.
    factors: Count = 64
    factor_rms: Positive = 3.0
    # A song's weight falls with one of these powers of its number of users: the best on held-out users.
    popularity_exponents: tuple[float, ...] = (0.1, 0.25, 0.4)
    dropout: Share = 0.4
    initial_deviation: Positive = 0.05
    # Adam's rates, of the dense weights and of the free table.
    rate: Positive = 1e-3
    table_rate: Positive = 3e-4
    # Decay per step of the running averages that are served.
    average_decay: Share = 0.98
    batch_users: Count = 256
    # Epochs at most, and how many without a better validation loss end the training.
    epochs: Count = 40
    patience: Count = 5

    def fit(self, examples: Examples, held: Rows, seed: int, watch: Watch) -> Fitted:
        """Find song weights and number of epochs on the held-out users, then train on all examples with those."""
        learn = examples.rows(np.setdiff1d(np.arange(len(examples.gender)), held))
        validation = examples.rows(held).known_to(learn)
        attempts = (self._attempt(exponent, learn, validation, seed, watch) for exponent in self.popularity_exponents)
        best = min(attempts, key=lambda attempt: attempt.loss)
        fixed = self._fixed(examples, best.exponent, seed)
        inputs = fixed.inputs(examples.labelled())
        network = self._network(inputs, seed)
        run_epochs(best.epochs, lambda: network.train_epoch(inputs), watch, "training on all")
        return Fitted(serving=_fused(fixed, network.weights(), self.taste_units), rehearsal=best.rehearsal)

    def _attempt(self, exponent: float, learn: Examples, validation: Examples, seed: int, watch: Watch) -> _Attempt:
        """Train with one way of weighing songs until the loss on the validation users stops falling."""
        fixed = self._fixed(learn, exponent, seed)
        inputs, held = fixed.inputs(learn.labelled()), fixed.inputs(validation)
        network = self._network(inputs, seed)
        epochs, weights = best_epoch(
            self.epochs,
            self.patience,
            lambda: network.train_epoch(inputs),
            network.weights,
            lambda weights: weights.log_loss(held),
            lambda figures, most: watch({**figures, "phase": f"popularity^-{exponent}"}, most),
        )
        return _Attempt(exponent, epochs, _fused(fixed, weights, self.taste_units), weights.log_loss(held))

    def _fixed(self, examples: Examples, exponent: float, seed: int) -> _Fixed:
        weights = popularity_weights(examples.matrix, exponent)
        rows = weights.rows(examples.matrix)
        return _Fixed(weights, song_factors(rows, self.factors, self.factor_rms, seed))

    def _network(self, inputs: BagInputs, seed: int) -> BagNetwork:
        settings = BagSettings(
            units=self.units,
            dropout=self.dropout,
            initial_deviation=self.initial_deviation,
            rate=self.rate,
            table_rate=self.table_rate,
            average_decay=self.average_decay,
            batch_users=self.batch_users,
        )
        return BagNetwork(inputs, settings, seed)


def _fused(fixed: _Fixed, weights: BagWeights, taste_units: int) -> Serving:
    """One row per song: its weight times its free row and its mixed factors, and beside them its leading factors."""
    gender = weights.table + fixed.factors @ weights.mixing
    taste = fixed.factors[:, :taste_units]
    weight = fixed.weights.weight
    # |row of a playlist| is at most the largest weight, so its product with a factor is at most this.
    bound = np.full(taste.shape[1], weight.max() * np.linalg.norm(taste, axis=0).max(), dtype=np.float32)
    output = np.concatenate([weights.output[:, 0], np.zeros(taste.shape[1], dtype=np.float32)])
    return Serving(
        table=weight[:, None] * np.hstack([gender, taste]),
        bias=np.concatenate([weights.bias, bound]),
        exponent=0.5,
        activation="relu",
        head=single_logit(output, float(weights.intercept[0])),
    )
