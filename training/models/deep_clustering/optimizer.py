"""Adam, and SGD with momentum, for variables that are there already."""

from collections.abc import Sequence
from typing import Literal

from training.backend import tf
from training.models.adam import BETA_1, BETA_2, EPSILON

Method = Literal["sgd", "adam"]


class Optimizer:
    """One step at a time; `rate` is a variable, so that it can change between calls of a compiled loop."""

    def __init__(self, method: Method, variables: Sequence["tf.Variable"], rate: float, momentum: float = 0.9) -> None:
        """`momentum` is that of SGD."""
        self.rate = tf.Variable(rate, dtype=tf.float32)
        self.variables = list(variables)
        self._adam = method == "adam"
        self._momentum = momentum
        self._step = tf.Variable(0.0)
        self._first = [tf.Variable(tf.zeros_like(variable)) for variable in self.variables]
        self._second = [tf.Variable(tf.zeros_like(variable)) for variable in self.variables] if self._adam else []

    def apply(self, gradients: Sequence["tf.Tensor"]) -> None:
        """One step against the gradients, in the order of the variables."""
        if self._adam:
            self._apply_adam(gradients)
            return
        for variable, gradient, velocity in zip(self.variables, gradients, self._first, strict=True):
            tf.raw_ops.ResourceApplyMomentum(
                var=variable.handle, accum=velocity.handle, lr=self.rate, grad=gradient, momentum=self._momentum
            )

    def _apply_adam(self, gradients: Sequence["tf.Tensor"]) -> None:
        self._step.assign_add(1.0)
        for variable, gradient, first, second in zip(self.variables, gradients, self._first, self._second, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=BETA_1**self._step,
                beta2_power=BETA_2**self._step,
                lr=self.rate,
                beta1=BETA_1,
                beta2=BETA_2,
                epsilon=EPSILON,
                grad=gradient,
            )
