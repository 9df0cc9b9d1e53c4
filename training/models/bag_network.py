"""The network of `songprint`: a bag of songs seen through a free table and through fixed factors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.backend import tf
from training.datasets.playlists import Sparse, song_users
from training.datasets.split import Rows
from training.models.adam import AveragedAdam
from training.models.minibatch import shuffled, take_batch
from training.models.row_table import RowTable
from training.serving import Floats


@dataclass(frozen=True)
class BagSettings:
    """How a bag network is made and trained."""

    units: int
    dropout: float
    initial_deviation: float
    rate: float
    table_rate: float
    average_decay: float
    batch_users: int


@dataclass(frozen=True)
class BagInputs:
    """Users to learn from or to validate on."""

    # float32 [users, songs], sparse
    rows: Sparse
    # float32 [users, factors]
    factors: Floats
    # float32 [users], 1 for the second gender
    target: Floats

    def rows_of(self, users: Rows) -> "BagInputs":
        """Some of the users."""
        return BagInputs(self.rows[users], self.factors[users], self.target[users])


@dataclass(frozen=True)
class BagWeights:
    """logit = relu(rows @ table + factors @ mixing + bias) @ output + intercept."""

    # float32 [songs, units]
    table: Floats
    # float32 [factors, units]
    mixing: Floats
    # float32 [units]
    bias: Floats
    # float32 [units, 1]
    output: Floats
    # float32 [1]
    intercept: Floats

    def log_loss(self, inputs: BagInputs) -> float:
        """Mean logistic loss."""
        code = np.maximum(inputs.rows @ self.table + inputs.factors @ self.mixing + self.bias, 0)
        logit = (code @ self.output)[:, 0] + self.intercept
        return float(np.mean(np.logaddexp(0, logit) - inputs.target * logit))


class BagNetwork:
    """Trainable weights. `weights()` are their running averages, which are what counts."""

    def __init__(self, inputs: BagInputs, settings: BagSettings, seed: int) -> None:
        """Random weights for the shapes of `inputs`; songs that none of its users has stay at zero."""
        self._rng = np.random.default_rng(seed)
        self._settings = settings
        units, decay = settings.units, settings.average_decay
        factors = inputs.factors.shape[1]
        table = self._normal(inputs.rows.shape[1], units) * (song_users(inputs.rows) > 0)[:, None]
        self._table = RowTable(table, settings.table_rate, decay)
        dense = [self._normal(factors, units), _zeros(units), self._normal(units, 1), _zeros(1)]
        self._dense = AveragedAdam(dense, settings.rate, decay)
        self._step = tf.Variable(0.0)
        integers, floats = tf.int32, tf.float32
        self._compiled = tf.function(
            self._train_batch,
            input_signature=[
                tf.TensorSpec([None, 2], tf.int64),
                tf.TensorSpec([None], floats),
                tf.TensorSpec([None], integers),
                tf.TensorSpec([None, factors], floats),
                tf.TensorSpec([None], floats),
                tf.TensorSpec([2], integers),
            ],
        )

    def train_epoch(self, inputs: BagInputs) -> float:
        """Pass once over all users in random order; returns the mean loss."""
        total = tf.constant(0.0)
        users = len(inputs.target)
        for chosen in shuffled(users, self._settings.batch_users, self._rng):
            batch = take_batch(inputs.rows, chosen)
            seed = self._rng.integers(0, 2**31 - 1, 2, dtype=np.int32)
            data = (batch.entries, batch.values, batch.songs, inputs.factors[chosen], inputs.target[chosen])
            total += self._compiled(*data, seed) * len(chosen)
        return float(total) / users

    def weights(self) -> BagWeights:
        """The running averages so far."""
        return BagWeights(self._table.averaged(float(self._step.numpy())), *self._dense.averaged())

    def _train_batch(
        self,
        entries: "tf.Tensor",
        values: "tf.Tensor",
        songs: "tf.Tensor",
        factors: "tf.Tensor",
        target: "tf.Tensor",
        seed: "tf.Tensor",
    ) -> "tf.Tensor":
        """One step on one batch (see MiniBatch for the first three); returns its mean loss before the step."""
        shape = tf.cast(tf.stack([tf.shape(target)[0], tf.shape(songs)[0]]), tf.int64)
        rows = tf.SparseTensor(entries, values, shape)
        table = self._table.gather(songs)
        mixing, bias, output, intercept = self._dense.variables
        with tf.GradientTape() as tape:
            tape.watch(table)
            code = tf.nn.relu(tf.sparse.sparse_dense_matmul(rows, table) + factors @ mixing + bias)
            code = tf.nn.experimental.stateless_dropout(code, self._settings.dropout, seed)
            logit = tf.squeeze(code @ output, axis=1) + intercept
            loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(target, logit))
        table_gradient, *gradients = tape.gradient(loss, [table, *self._dense.variables])
        self._step.assign_add(1.0)
        self._table.apply(songs, table, table_gradient, self._step)
        self._dense.apply(gradients, self._step)
        return loss

    def _normal(self, *shape: int) -> NDArray[np.float32]:
        return self._rng.normal(0, self._settings.initial_deviation, shape).astype(np.float32)


def _zeros(length: int) -> NDArray[np.float32]:
    return np.zeros(length, dtype=np.float32)
