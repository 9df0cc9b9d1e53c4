"""Adam for the dense weights of a network, with an exponential average of each."""

from collections.abc import Sequence

from training.backend import tf
from training.serving import Floats

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


def bias_correction(step: "tf.Tensor") -> "tf.Tensor":
    """What makes up for moments that start at zero; `step` is counted from 1."""
    return tf.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)


class AveragedAdam:
    """Trainable arrays and their running averages."""

    def __init__(self, initial: Sequence[Floats], rate: float, decay: float) -> None:
        self.variables = [tf.Variable(array) for array in initial]
        self._averages = [tf.Variable(array) for array in initial]
        self._first = [tf.Variable(tf.zeros_like(array)) for array in initial]
        self._second = [tf.Variable(tf.zeros_like(array)) for array in initial]
        self._rate = rate
        self._decay = decay

    def apply(self, gradients: Sequence["tf.Tensor"], step: "tf.Tensor") -> None:
        """One step; `step` is a float counted from 1."""
        rate = self._rate * bias_correction(step)
        parts = zip(self.variables, gradients, self._first, self._second, self._averages, strict=True)
        for variable, gradient, first, second, average in parts:
            first.assign(BETA_1 * first + (1 - BETA_1) * gradient)
            second.assign(BETA_2 * second + (1 - BETA_2) * tf.square(gradient))
            variable.assign_sub(rate * first / (tf.sqrt(second) + EPSILON))
            average.assign(self._decay * average + (1 - self._decay) * variable)

    def averaged(self) -> list[Floats]:
        """The averages, in the order of the variables."""
        return [average.numpy() for average in self._averages]
