"""Symmetric autoencoders over flat images: dense and convolutional."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.backend import tf
from training.errors import DataError
from training.serving import Floats

Loss = Literal["mse", "bce"]
"""Squared error of a linear output, or binary cross-entropy of a sigmoid one."""

Initial = Literal["glorot", "fan_in"]
"""Uniform within sqrt(6 / (inputs + outputs)), or within sqrt(1 / inputs) as plain SGD wants it."""

BATCH = 1_000
KERNELS = (5, 5, 3)
STRIDE = 2
LEAST_SIDE = STRIDE ** len(KERNELS)


class Network(ABC):
    """Weights, and what they do. `encode` and `decode` run inside TensorFlow functions too."""

    def __init__(self, encoder: Sequence[Floats], decoder: Sequence[Floats], loss: Loss) -> None:
        self.encoder_variables = [tf.Variable(array) for array in encoder]
        self.decoder_variables = [tf.Variable(array) for array in decoder]
        self._loss = loss
        self._codes = tf.function(self.encode, input_signature=[tf.TensorSpec([None, None], tf.float32)])
        self._errors = tf.function(self._squared_errors, input_signature=[tf.TensorSpec([None, None], tf.float32)])
        self._made = tf.function(self._reconstruct, input_signature=[tf.TensorSpec([None, None], tf.float32)])

    @abstractmethod
    def encode(self, flat: "tf.Tensor") -> "tf.Tensor":
        """float32 [images, pixels] → [images, units]"""

    @abstractmethod
    def decode(self, code: "tf.Tensor") -> "tf.Tensor":
        """[images, units] → [images, pixels]: the image, or its log-odds where the loss is `bce`."""

    @property
    def variables(self) -> list["tf.Variable"]:
        """Those of the encoder, then those of the decoder."""
        return [*self.encoder_variables, *self.decoder_variables]

    def reconstruction_loss(self, wanted: "tf.Tensor", decoded: "tf.Tensor") -> "tf.Tensor":
        """float32 [images]: mean over pixels."""
        if self._loss == "mse":
            return tf.reduce_mean(tf.square(decoded - wanted), axis=1)
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(wanted, decoded), axis=1)

    def codes(self, images: Floats) -> Floats:
        """float32 [images, units]"""
        return np.concatenate([self._codes(part).numpy() for part in _parts(images)])

    def errors(self, images: Floats) -> NDArray[np.float64]:
        """float64 [images]: mean squared difference between an image and its reconstruction."""
        return np.concatenate([self._errors(part).numpy() for part in _parts(images)]).astype(np.float64)

    def reconstruct(self, images: Floats) -> Floats:
        """float32 [images, *shape]"""
        return np.concatenate([self._made(part).numpy() for part in _parts(images)]).reshape(images.shape)

    def arrays(self) -> dict[str, Floats]:
        """The weights by name."""
        return {f"network_{number:02d}": variable.numpy() for number, variable in enumerate(self.variables)}

    def load(self, arrays: dict[str, Floats]) -> None:
        """Take weights that `arrays` gave."""
        for number, variable in enumerate(self.variables):
            variable.assign(arrays[f"network_{number:02d}"])

    def _squared_errors(self, flat: "tf.Tensor") -> "tf.Tensor":
        return tf.reduce_mean(tf.square(self._reconstruct(flat) - flat), axis=1)

    def _reconstruct(self, flat: "tf.Tensor") -> "tf.Tensor":
        decoded = self.decode(self.encode(flat))
        return tf.sigmoid(decoded) if self._loss == "bce" else decoded


class DenseNetwork(Network):
    """pixels → widths (relu) → units, and back."""

    def __init__(
        self,
        shape: tuple[int, ...],
        widths: Sequence[int],
        units: int,
        seed: int,
        loss: Loss = "mse",
        initial: Initial = "glorot",
        code_activation: Literal["linear", "relu"] = "linear",
        parameters: int = 1,
    ) -> None:
        """With `parameters` of 2, `encode` gives twice as many numbers as `decode` takes: means and log-variances."""
        rng = np.random.default_rng(seed)
        sizes = [math.prod(shape), *widths, units]
        down = list(pairwise([*sizes[:-1], units * parameters]))
        up = list(pairwise(reversed(sizes)))
        encoder, decoder = ([array for pair in pairs for array in _dense(rng, *pair, initial)] for pairs in (down, up))
        super().__init__(encoder, decoder, loss)
        self._code_activation = code_activation

    def encode(self, flat: "tf.Tensor") -> "tf.Tensor":
        """See Network."""
        code = _through(flat, self.encoder_variables)
        return tf.nn.relu(code) if self._code_activation == "relu" else code

    def decode(self, code: "tf.Tensor") -> "tf.Tensor":
        """See Network."""
        return _through(code, self.decoder_variables)


class ConvolutionalNetwork(Network):
    """Three strided convolutions (relu) → units, and back by transposed ones. Any size of at least 8 x 8."""

    def __init__(self, shape: tuple[int, ...], filters: Sequence[int], units: int, seed: int, initial: Initial) -> None:
        rng = np.random.default_rng(seed)
        self._shape = image_shape(shape)
        channels = [self._shape[2], *filters]
        self._sides = [self._shape[:2]]
        for _ in filters:
            height, width = self._sides[-1]
            self._sides.append((-(-height // STRIDE), -(-width // STRIDE)))
        self._deepest = (*self._sides[-1], channels[-1])
        inner = math.prod(self._deepest)
        layers = list(zip(KERNELS, pairwise(channels), strict=True))
        encoder = [array for size, pair in layers for array in _convolution(rng, size, *pair, initial)]
        decoder = [
            array
            for size, (outputs, inputs) in reversed(layers)
            for array in (_convolution(rng, size, outputs, inputs, initial)[0], np.zeros(outputs, np.float32))
        ]
        super().__init__(
            [*encoder, *_dense(rng, inner, units, initial)], [*_dense(rng, units, inner, initial), *decoder], "mse"
        )

    def encode(self, flat: "tf.Tensor") -> "tf.Tensor":
        """See Network."""
        maps = tf.reshape(flat, [-1, *self._shape])
        *convolutions, kernel, bias = self.encoder_variables
        for filters, offset in zip(convolutions[::2], convolutions[1::2], strict=True):
            maps = tf.nn.relu(tf.nn.conv2d(maps, filters, STRIDE, "SAME") + offset)
        return tf.reshape(maps, [-1, math.prod(self._deepest)]) @ kernel + bias

    def decode(self, code: "tf.Tensor") -> "tf.Tensor":
        """See Network."""
        kernel, bias, *convolutions = self.decoder_variables
        maps = tf.reshape(tf.nn.relu(code @ kernel + bias), [-1, *self._deepest])
        sides = self._sides[-2::-1]
        for number, (height, width) in enumerate(sides):
            filters, offset = convolutions[2 * number], convolutions[2 * number + 1]
            size = [tf.shape(code)[0], height, width, filters.shape[2]]
            maps = tf.nn.conv2d_transpose(maps, filters, size, STRIDE, "SAME") + offset
            if number < len(sides) - 1:
                maps = tf.nn.relu(maps)
        return tf.reshape(maps, [-1, math.prod(self._shape)])


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(height, width, channels). Raises DataError for what is no image, or too small for the convolutions."""
    height, width, channels = {2: (*shape, 1), 3: shape}.get(len(shape), (0, 0, 0))
    if min(height, width) < LEAST_SIDE or not channels:
        raise DataError(
            f"arrays of {' x '.join(map(str, shape))} are no images for this recipe: give [images, height, width] of "
            f"{LEAST_SIDE} x {LEAST_SIDE} or more, or use a recipe without convolution and distortion, dec for example"
        )
    return height, width, channels


def _parts(images: Floats) -> list[Floats]:
    flat = np.ascontiguousarray(images, np.float32).reshape(len(images), -1)
    return [flat[start : start + BATCH] for start in range(0, len(flat), BATCH)]


def _through(values: "tf.Tensor", variables: Sequence["tf.Variable"]) -> "tf.Tensor":
    """Dense layers with relu between them."""
    for number in range(0, len(variables), 2):
        values = (tf.nn.relu(values) if number else values) @ variables[number] + variables[number + 1]
    return values


def _dense(rng: np.random.Generator, inputs: int, outputs: int, initial: Initial) -> list[Floats]:
    return [_uniform(rng, (inputs, outputs), inputs, outputs, initial), np.zeros(outputs, np.float32)]


def _convolution(rng: np.random.Generator, size: int, inputs: int, outputs: int, initial: Initial) -> list[Floats]:
    area = size * size
    kernel = _uniform(rng, (size, size, inputs, outputs), area * inputs, area * outputs, initial)
    return [kernel, np.zeros(outputs, np.float32)]


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, fan_out: int, initial: Initial) -> Floats:
    limit = math.sqrt(1 / fan_in) if initial == "fan_in" else math.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape).astype(np.float32)
