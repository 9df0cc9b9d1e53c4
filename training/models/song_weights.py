"""How much each song of a playlist counts: rare songs tell more than those that everybody sings."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from training.datasets.playlists import Sparse, playlist_lengths, song_users
from training.serving import Floats


@dataclass(frozen=True)
class SongWeights:
    """Rows z = sum of the weights of a playlist's songs, each in its own column, / sqrt(songs)."""

    # float32 [songs]
    weight: Floats

    def rows(self, matrix: Sparse) -> Sparse:
        """float32 [users, songs], sparse."""
        lengths = np.maximum(playlist_lengths(matrix), 1).astype(np.float32)
        scaled = sparse.diags_array(lengths**-0.5) @ matrix @ sparse.diags_array(self.weight)
        return sparse.csr_array(scaled)


def popularity_weights(matrix: Sparse, exponent: float) -> SongWeights:
    """Weights falling with the number of users as a power, scaled so that the mean squared norm of the rows is 1."""
    users = song_users(matrix) + 1.0
    raw = SongWeights(((users / users.mean()) ** -exponent).astype(np.float32))
    squared = raw.rows(matrix).power(2).sum(axis=1)
    # Users without songs have rows of zeros and say nothing about the scale.
    scale = 1 / np.sqrt(squared[squared > 0].mean())
    return SongWeights((raw.weight * scale).astype(np.float32))
