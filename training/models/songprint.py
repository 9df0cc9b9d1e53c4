"""The default model: a relu bag of songs whose table is free and, beside it, a mix of fixed factors.

The factors carry what playlists have in common whether or not their users' gender is known; the free table learns what
single songs tell. Both paths are linear in the songs up to the relu, so that one fused row per song serves.
"""

from dataclasses import dataclass

import numpy as np

from training.datasets.playlists import UNKNOWN_GENDER
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
class Songprint:
    """Parameters; the defaults are those of the recipe `songprint`."""

    # Columns of the served table that tell gender, and those that tell taste. The relu never clips the latter, so that
    # clusters are found among playlists as they differ and not only among degrees of one gender or the other.
    units: Count = 112
    taste_units: Count = 16
    # Fixed factors, and the RMS norm that playlists have in them.
    factors: Count = 64
    factor_rms: Positive = 3.0
    # A song's weight falls with this power of its number of users.
    popularity_exponent: float = 0.35
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
        """Find the number of epochs on the held-out users, then train on all examples for that many."""
        fixed = self._fixed(examples, seed)
        inputs = fixed.inputs(examples)
        learn = np.setdiff1d(np.flatnonzero(examples.gender != UNKNOWN_GENDER), held)
        epochs, rehearsal = self._search(inputs.rows_of(learn), inputs.rows_of(held), seed, watch)
        labelled = inputs.rows_of(np.union1d(learn, held))
        network = self._network(labelled, seed)
        run_epochs(epochs, lambda: network.train_epoch(labelled), watch, "training on all")
        return Fitted(
            serving=_fused(fixed, network.weights(), self.taste_units),
            rehearsal=_fused(fixed, rehearsal, self.taste_units),
        )

    def _search(self, learn: BagInputs, held: BagInputs, seed: int, watch: Watch) -> tuple[int, BagWeights]:
        """The best number of epochs, and the weights after them."""
        network = self._network(learn, seed)
        return best_epoch(
            self.epochs,
            self.patience,
            lambda: network.train_epoch(learn),
            network.weights,
            lambda weights: weights.log_loss(held),
            watch,
        )

    def _fixed(self, examples: Examples, seed: int) -> _Fixed:
        weights = popularity_weights(examples.matrix, self.popularity_exponent)
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
