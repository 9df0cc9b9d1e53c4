"""Directions in which playlists differ most: the truncated SVD of their rows."""

import numpy as np
from sklearn.utils.extmath import randomized_svd

from training.datasets.playlists import Sparse
from training.serving import Floats

POWER_ITERATIONS = 4


def song_factors(rows: Sparse, factors: int, rms: float, seed: int) -> Floats:
    """float32 [songs, factors]: the top right singular vectors, scaled so that the RMS norm of rows @ factors is `rms`.

    Fewer columns where the rows have fewer songs or users than `factors`.
    """
    rank = min(factors, *rows.shape)
    _, _, components = randomized_svd(rows, rank, n_iter=POWER_ITERATIONS, random_state=seed)
    codes = rows @ components.T
    scale = rms / np.sqrt((codes**2).sum(axis=1).mean())
    scaled: Floats = (components.T * scale).astype(np.float32)
    return scaled
