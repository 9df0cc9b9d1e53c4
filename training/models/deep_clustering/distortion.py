"""Images slightly moved, turned, stretched and slanted at random: they show the same thing still."""

import math
from dataclasses import dataclass

from training.backend import tf
from training.models.deep_clustering.warp import warp


@dataclass(frozen=True)
class Distortion:
    """The most that is done, either way; what is done is uniform within."""

    # Pixels along each axis.
    shift: float
    # Degrees.
    rotation: float
    # Logarithm of the factor along each axis.
    stretch: float
    # Pixels of slant per pixel.
    shear: float

    @property
    def nothing(self) -> bool:
        """Whether images stay as they are."""
        return not (self.shift or self.rotation or self.stretch or self.shear)

    def apply(self, flat: "tf.Tensor", shape: tuple[int, ...], seed: "tf.Tensor") -> "tf.Tensor":
        """float32 [images, pixels] of images of `shape`, each distorted in its own way; `seed` is int32 [2]."""
        if self.nothing:
            return flat
        draws = tf.random.stateless_uniform([6, tf.shape(flat)[0]], seed, -1.0, 1.0)
        angle, slant = draws[0] * (self.rotation * math.pi / 180), draws[1] * self.shear
        wide, high = tf.exp(draws[2] * self.stretch), tf.exp(draws[3] * self.stretch)
        cosine, sine = tf.cos(angle), tf.sin(angle)
        across = [cosine * wide, (slant * cosine - sine) * wide, draws[4] * self.shift]
        down = [sine * high, (slant * sine + cosine) * high, draws[5] * self.shift]
        return warp(flat, shape, tf.stack(across, axis=1), tf.stack(down, axis=1))
