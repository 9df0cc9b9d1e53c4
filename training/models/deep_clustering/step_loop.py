"""Many training steps in one call of a compiled function: at these sizes Python would take half of the time."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from training.backend import tf
from training.errors import TrainingError
from training.models.deep_clustering.optimizer import Optimizer

Rows = NDArray[np.int32]


class StepLoop:
    """Goes through rows of the data in mini-batches of which none is empty, whatever the numbers are."""

    def __init__(
        self, optimizer: Optimizer, loss: Callable[["tf.Tensor", "tf.Tensor"], "tf.Tensor"], batch: int
    ) -> None:
        """`loss` takes the rows of a batch (int32 [rows]) and a random seed (int32 [2]) and gives the mean loss."""
        self._optimizer = optimizer
        self._loss = loss
        self._batch = batch
        signature = [tf.TensorSpec([None], tf.int32), tf.TensorSpec([2], tf.int32)]
        self._run = tf.function(self._steps, input_signature=signature)

    def run(self, rows: Rows, rng: np.random.Generator) -> float:
        """One step per batch of `rows`, in order; returns the mean loss. Raises TrainingError where it explodes."""
        loss = float(self._run(rows, rng.integers(0, 2**31 - 1, 2, dtype=np.int32)))
        if not np.isfinite(loss):
            raise TrainingError("the loss grew beyond all bounds; set a smaller rate")
        return loss

    def _steps(self, rows: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        steps = (tf.size(rows) + self._batch - 1) // self._batch
        total = tf.constant(0.0)
        for step in tf.range(steps):
            chosen = rows[step * self._batch : (step + 1) * self._batch]
            with tf.GradientTape() as tape:
                loss = self._loss(chosen, tf.random.experimental.stateless_fold_in(seed, step))
            self._optimizer.apply(tape.gradient(loss, self._optimizer.variables))
            total += loss
        return total / tf.cast(steps, tf.float32)


class RowStream:
    """All rows in random order again and again, taken in pieces of any size."""

    def __init__(self, count: int, rng: np.random.Generator) -> None:
        self._count = count
        self._rng = rng
        self._left: Rows = np.empty(0, np.int32)

    def take(self, size: int) -> Rows:
        """int32 [size]"""
        while len(self._left) < size:
            self._left = np.concatenate([self._left, self._rng.permutation(self._count).astype(np.int32)])
        taken, self._left = self._left[:size], self._left[size:]
        return taken
