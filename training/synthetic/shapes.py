"""A folder of small drawings with a planted truth: something to try recipes for images on."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SHAPES = ("bar", "cross", "disc", "ring")
SIDE = 16
NOISE = 0.1


def write_shapes(folder: Path, images: int, seed: int = 0) -> None:
    """Write x.npy (uint8 [images, SIDE, SIDE]) and y.npy (names of SHAPES); the folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    values, labels = draw_shapes(images, seed)
    np.save(folder / "x.npy", (values * 255).astype(np.uint8))
    np.save(folder / "y.npy", np.array(SHAPES)[labels])


def draw_shapes(images: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """float32 [images, SIDE, SIDE], 0 to 1, and the index of each one's shape: all a little out of place, and noisy."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, len(SHAPES), images)
    middle = (SIDE - 1) / 2 + rng.uniform(-0.5, 0.5, (2, images, 1, 1))
    size, width = SIDE * rng.uniform(0.28, 0.36, (images, 1, 1)), rng.uniform(1.0, 1.6, (images, 1, 1))
    y, x = np.arange(SIDE)[:, None] - middle[0], np.arange(SIDE)[None, :] - middle[1]
    radius = np.hypot(x, y)
    lying = (np.abs(y) < width) & (np.abs(x) < size)
    standing = (np.abs(x) < width) & (np.abs(y) < size)
    drawn = np.stack([lying, lying | standing, radius < size, np.abs(radius - size) < width])
    inked = drawn[labels, np.arange(images)] * rng.uniform(0.7, 1.0, (images, 1, 1))
    noisy = inked + rng.normal(0, NOISE, inked.shape)
    return noisy.clip(0, 1).astype(np.float32), labels
