"""Mini-batches of playlists: each is the small matrix of its own users and its own songs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.datasets.playlists import Sparse, playlist_lengths
from training.datasets.split import Rows


@dataclass(frozen=True)
class MiniBatch:
    """Some users, and the entries of their playlists."""

    # intp [users]: rows of the matrix that the batch was taken from
    users: Rows
    # int32 [songs]: the distinct columns that occur, rising
    songs: NDArray[np.int32]
    # int64 [entries, 2]: (place in `users`, place in `songs`), in row order
    entries: NDArray[np.int64]
    # float32 [entries]
    values: NDArray[np.float32]


def take_batch(matrix: Sparse, users: Rows) -> MiniBatch:
    """The batch of these rows."""
    part = matrix[users]
    songs, place = np.unique(part.indices, return_inverse=True)
    owner = np.repeat(np.arange(len(users)), playlist_lengths(part))
    return MiniBatch(users, songs.astype(np.int32), np.stack([owner, place], axis=1), part.data)


def shuffled(users: int, size: int, rng: np.random.Generator) -> Iterator[Rows]:
    """All rows once in random order, `size` at a time; the last part may be smaller but is never empty."""
    order = rng.permutation(users)
    for start in range(0, users, size):
        yield np.sort(order[start : start + size])
