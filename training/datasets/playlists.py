"""A data folder of playlists in memory: one sparse matrix, the users' genders and the table of songs."""

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

GENDERS = ("f", "m")
"""The classes, in the order of every array that has one column per gender."""

UNKNOWN_GENDER = -1

Sparse: TypeAlias = Any
"""scipy.sparse.csr_array of float32, [users, songs], every stored value 1."""

SONG_COLUMNS = ("song_id", "title", "artist", "genre_group")


@dataclass(frozen=True)
class Merged:
    """What reading set right or left out, counted."""

    duplicate_plays: int = 0
    users_without_songs: int = 0
    users_not_listed: int = 0


@dataclass(frozen=True)
class Playlists:
    """Users (rows) and the songs they have (columns). Users and songs are in the byte order of their ids."""

    # [users, songs], 1 where the user has the song.
    matrix: Sparse
    # string [users]
    user_ids: pa.Array
    # int8 [users], index into GENDERS or UNKNOWN_GENDER.
    gender: NDArray[np.int8]
    # One row per column of the matrix, with SONG_COLUMNS as strings (empty where unknown).
    songs: pa.Table
    merged: Merged = Merged()

    @property
    def labelled(self) -> NDArray[np.intp]:
        """Rows of the users whose gender is known."""
        return np.flatnonzero(self.gender != UNKNOWN_GENDER)

    def users(self, rows: NDArray[np.intp]) -> "Playlists":
        """The same songs for some of the users, in the order of `rows`."""
        return replace(
            self, matrix=self.matrix[rows], user_ids=self.user_ids.take(pa.array(rows)), gender=self.gender[rows]
        )

    def played_songs(self) -> "Playlists":
        """The same users without the songs that none of them has: what a model's vocabulary is made of."""
        columns = np.flatnonzero(song_users(self.matrix))
        return replace(self, matrix=self.matrix[:, columns], songs=self.songs.take(pa.array(columns)))


def binary_matrix(rows: NDArray[np.int32], columns: NDArray[np.int32], shape: tuple[int, int]) -> tuple[Sparse, int]:
    """The 0/1 matrix of the pairs, and how many pairs were repetitions of another."""
    pairs = sparse.coo_array((np.ones(len(rows), dtype=np.float32), (rows, columns)), shape=shape)
    matrix = pairs.tocsr()
    matrix.sum_duplicates()
    matrix.data[:] = 1.0
    return matrix, len(rows) - matrix.nnz


def song_users(matrix: Sparse) -> NDArray[np.int64]:
    """int64 [songs]: how many users have each song."""
    users: NDArray[np.int64] = np.bincount(matrix.indices, minlength=matrix.shape[1])
    return users


def playlist_lengths(matrix: Sparse) -> NDArray[np.int64]:
    """int64 [users]: how many songs each user has."""
    lengths: NDArray[np.int64] = np.diff(matrix.indptr).astype(np.int64)
    return lengths
