"""The encoder's sparse input."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worker.contract.vocabulary import ROW_TYPE


class Features(NamedTuple):
    """B playlists with N known songs in all. The cost grows with N, never with the vocabulary."""

    song_rows: NDArray[np.int32]
    """int32 [N], vocabulary rows of all songs, playlist after playlist."""
    user_rows: NDArray[np.int32]
    """int32 [N], which playlist of the batch each song belongs to."""
    song_counts: NDArray[np.float32]
    """float32 [B], how many known songs each playlist has."""


def build_features(rows: Sequence[bytes]) -> Features:
    """Features of B playlists, each given as its packed rows (`UserState.rows`)."""
    counts = np.array([len(part) for part in rows], np.int64) // ROW_TYPE.itemsize
    return Features(
        np.frombuffer(b"".join(rows), ROW_TYPE).astype(np.int32, copy=False),
        np.repeat(np.arange(len(rows), dtype=np.int32), counts),
        counts.astype(np.float32),
    )
