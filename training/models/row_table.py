"""A large table of which every step touches only a few rows, and pays for only those."""

import numpy as np

from training.backend import tf
from training.models.adam import BETA_1, BETA_2, EPSILON, bias_correction
from training.serving import Floats


class RowTable:
    """Trainable rows under Adam, with an exponential average of every row.

    Moments advance only when their row is touched ("lazy" Adam), which on sparse data is both quicker and better. The
    average is exact all the same: while a row rests its value is constant, so the average's way towards it is a power
    of the decay, made up for at the next touch and when the table is read.
    """

    def __init__(self, initial: Floats, rate: float, decay: float) -> None:
        self._value = tf.Variable(initial)
        self._first = tf.Variable(np.zeros_like(initial))
        self._second = tf.Variable(np.zeros_like(initial))
        self._average = tf.Variable(initial)
        self._touched = tf.Variable(np.zeros(len(initial), dtype=np.float32))
        self._rate = rate
        self._decay = decay

    def gather(self, rows: "tf.Tensor") -> "tf.Tensor":
        """[rows, units]: the present values of int32 [rows]."""
        return tf.gather(self._value, rows)

    def apply(self, rows: "tf.Tensor", value: "tf.Tensor", gradient: "tf.Tensor", step: "tf.Tensor") -> None:
        """One step at distinct rows, whose `value` is what `gather` gave; `step` is a float counted from 1."""
        first = BETA_1 * tf.gather(self._first, rows) + (1 - BETA_1) * gradient
        second = BETA_2 * tf.gather(self._second, rows) + (1 - BETA_2) * tf.square(gradient)
        new = value - self._rate * bias_correction(step) * first / (tf.sqrt(second) + EPSILON)
        rested = tf.pow(self._decay, step - 1 - tf.gather(self._touched, rows))[:, None]
        average = value + rested * (tf.gather(self._average, rows) - value)
        _put(self._first, rows, first)
        _put(self._second, rows, second)
        _put(self._value, rows, new)
        _put(self._average, rows, new + self._decay * (average - new))
        _put(self._touched, rows, tf.fill(tf.shape(rows), step))

    def averaged(self, step: float) -> Floats:
        """float32 [all rows, units]: the averages as of `step`."""
        value = self._value.numpy()
        rested = np.power(np.float32(self._decay), step - self._touched.numpy())[:, None]
        averaged: Floats = value + rested * (self._average.numpy() - value)
        return averaged


def _put(variable: "tf.Variable", rows: "tf.Tensor", values: "tf.Tensor") -> None:
    tf.raw_ops.ResourceScatterUpdate(resource=variable.handle, indices=rows, updates=values)
