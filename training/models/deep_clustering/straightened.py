"""Writing brought upright: each image is moved and slanted so that its ink is centred and leans to no side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.backend import tf
from training.models.deep_clustering.interface import ImageEncoder
from training.models.deep_clustering.network import image_shape
from training.models.deep_clustering.warp import warp
from training.serving import Floats

BATCH = 1_000
STEEPEST = 1.0
"""Pixels of slant per pixel that are taken back at most."""


def straighten(images: Floats) -> Floats:
    """Float32 [images, *shape], by the moments of the pixels' values; images without ink stay."""
    parts = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
    straight: Floats = np.concatenate([_straighten(part) for part in parts])
    return straight


@dataclass(frozen=True)
class Straightened:
    """An encoder that is given straight images, whatever it is asked about."""

    encoder: ImageEncoder

    def codes(self, images: Floats) -> Floats:
        """See ImageEncoder."""
        return self.encoder.codes(straighten(images))

    def errors(self, images: Floats) -> NDArray[np.float64]:
        """See ImageEncoder."""
        return self.encoder.errors(straighten(images))

    def reconstruct(self, images: Floats) -> Floats:
        """See ImageEncoder; what it makes is upright, as what it was given."""
        return self.encoder.reconstruct(straighten(images))

    def arrays(self) -> dict[str, Floats]:
        """See ImageEncoder."""
        return self.encoder.arrays()


def _straighten(images: Floats) -> Floats:
    shape = images.shape[1:]
    height, width, channels = image_shape(shape)
    ink = images.reshape(-1, height, width, channels).mean(axis=3)
    total = np.maximum(ink.sum(axis=(1, 2)), 1e-6)
    x, y = np.arange(width) - (width - 1) / 2, np.arange(height) - (height - 1) / 2
    at_x, at_y = (ink.sum(axis=1) @ x) / total, (ink.sum(axis=2) @ y) / total
    from_x, from_y = x - at_x[:, None], y - at_y[:, None]
    tall = (ink.sum(axis=2) * from_y**2).sum(axis=1) / total
    lean = np.einsum("nyx,ny,nx->n", ink, from_y, from_x) / total
    slant = np.clip(lean / np.maximum(tall, 1e-6), -STEEPEST, STEEPEST)
    one, none = np.ones_like(slant), np.zeros_like(slant)
    across, down = np.stack([one, slant, at_x], axis=1), np.stack([none, one, at_y], axis=1)
    flat = np.ascontiguousarray(images, np.float32).reshape(len(images), -1)
    drawn: Floats = warp(flat, shape, tf.constant(across, tf.float32), tf.constant(down, tf.float32)).numpy()
    return drawn.reshape(images.shape)
