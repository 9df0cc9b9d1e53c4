"""Adam for the dense weights of a network, with an exponential average of each."""

from collections.abc import Sequence

from training.backend import tf
from training.serving import Floats

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


def bias_correction(step: "tf.Tensor") -> "tf.Tensor":
    """What makes up for moments that start at zero; `step` is counted from 1."""
    return tf.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)


class AveragedAdam:
    """Trainable arrays and their running averages; with a decay of 0 the averages are the arrays themselves."""

    def __init__(self, initial: Sequence[Floats], rate: float, decay: float) -> None:
        self.variables = [tf.Variable(array) for array in initial]
        self._averages = [tf.Variable(array) for array in initial] if decay else self.variables
        self._first = [tf.Variable(tf.zeros_like(array)) for array in initial]
        self._second = [tf.Variable(tf.zeros_like(array)) for array in initial]
        self._rate = rate
        self._decay = decay

    def apply(self, gradients: Sequence["tf.Tensor"], step: "tf.Tensor") -> None:
        """One step; `step` is a float counted from 1."""
        for variable, gradient, first, second in zip(self.variables, gradients, self._first, self._second, strict=True):
            # One pass over memory, where the same written out takes ten.
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=BETA_1**step,
                beta2_power=BETA_2**step,
                lr=self._rate,
                beta1=BETA_1,
                beta2=BETA_2,
                epsilon=EPSILON,
                grad=gradient,
            )
        if self._decay:
            for variable, average in zip(self.variables, self._averages, strict=True):
                average.assign(self._decay * average + (1 - self._decay) * variable)

    def averaged(self) -> list[Floats]:
        """The averages, in the order of the variables."""
        return [average.numpy() for average in self._averages]
