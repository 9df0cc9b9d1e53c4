"""The songs whose vectors point the same way."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.datasets.playlists import Sparse
from training.serving import Floats

BLOCK = 1_024


def unit_length(vectors: Floats) -> Floats:
    """Every row divided by its length; a row of zeros stays one."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = (vectors / np.where(length > 0, length, 1)).astype(np.float32)
    return scaled


def nearest(vectors: Floats, count: int, excluded: Sparse | None = None) -> NDArray[np.intp]:
    """intp [songs, count]: for each song the others of the greatest cosine, the greatest first.

    Pairs of `excluded` [songs, songs] are passed over. Songs whose vector is zero are nobody's neighbour as long as
    there are others.
    """
    unit = unit_length(vectors)
    silent = ~unit.any(axis=1)
    count = min(count, len(unit) - 1)
    found = np.empty((len(unit), count), dtype=np.intp)
    for start in range(0, len(unit), BLOCK):
        block = unit[start : start + BLOCK] @ unit.T
        block[:, silent] = -2
        places = np.arange(len(block))
        block[places, start + places] = -4
        if excluded is not None:
            row, column = excluded[start : start + BLOCK].nonzero()
            block[row, column] = -3
        found[start : start + BLOCK] = greatest(block, count)
    return found


def greatest(values: NDArray[Any], count: int) -> NDArray[np.intp]:
    """intp [rows, count]: the columns of the greatest values of each row, the greatest first."""
    chosen = np.argpartition(-values, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(values, chosen, axis=1), axis=1, kind="stable")
    found: NDArray[np.intp] = np.take_along_axis(chosen, order, axis=1)
    return found
