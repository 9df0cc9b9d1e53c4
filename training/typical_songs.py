"""What a cluster of taste is about: the songs that its users have far more often than others, and a name."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training.datasets.playlists import Sparse, song_users

SONGS = 10
SUPPORT = 0.02
MIN_USERS = 5
"""A typical song is one that at least this share of the cluster's users, and at least this many of them, have."""

GENRE_LIFT = 1.2
"""A genre names a cluster when its share of the cluster's plays is at least this many times its share of all plays."""


@dataclass(frozen=True)
class TypicalSong:
    """`lift` is how many times as common the song is in the cluster as among all users."""

    song_id: str
    title: str
    lift: float


@dataclass(frozen=True)
class ClusterProfile:
    """`id` is the row of the centroid; `size` the share of the users."""

    id: int
    name: str
    size: float
    songs: tuple[TypicalSong, ...]


def describe_clusters(
    matrix: Sparse, songs: pa.Table, assigned: NDArray[np.intp], clusters: int
) -> list[ClusterProfile]:
    """One profile per cluster; `assigned` holds each user's cluster, `songs` a row per column of the matrix."""
    everyone = song_users(matrix)
    counts = [song_users(matrix[np.flatnonzero(assigned == number)]) for number in range(clusters)]
    sizes = np.bincount(assigned, minlength=clusters)
    typical = [
        _typical(count, int(size), everyone, len(assigned), songs) for count, size in zip(counts, sizes, strict=True)
    ]
    genres = [_genre(count, everyone, songs["genre_group"]) for count in counts]
    names = _distinct_names(genres, typical)
    return [
        ClusterProfile(number, names[number], float(sizes[number] / len(assigned)), typical[number])
        for number in range(clusters)
    ]


def _typical(
    count: NDArray[np.int64], size: int, everyone: NDArray[np.int64], users: int, songs: pa.Table
) -> tuple[TypicalSong, ...]:
    """The songs of highest lift among those with support; the best supported where too few have it."""
    lift = (count / max(size, 1)) / (np.maximum(everyone, 1) / users)
    supported = count >= max(MIN_USERS, SUPPORT * size)
    order = np.lexsort((-count, -lift, ~supported))[:SONGS]
    chosen = songs.take(pa.array(order)).to_pylist()
    return tuple(
        TypicalSong(song["song_id"], song["title"] or song["song_id"], float(lift[row]))
        for song, row in zip(chosen, order, strict=True)
        if count[row]
    )


def _genre(count: NDArray[np.int64], everyone: NDArray[np.int64], genre: pa.ChunkedArray) -> str:
    """The genre that is most over-represented, or nothing where none stands out or none is known."""
    encoded = genre.combine_chunks().dictionary_encode()
    names, codes = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
    here = np.bincount(codes, weights=count, minlength=len(names))
    overall = np.bincount(codes, weights=everyone, minlength=len(names))
    lift = (here / max(here.sum(), 1)) / np.maximum(overall / max(overall.sum(), 1), 1e-12)
    lift[[number for number, name in enumerate(names) if not name]] = 0
    best = int(lift.argmax())
    return str(names[best]) if lift[best] >= GENRE_LIFT else ""


def _distinct_names(genres: list[str], typical: list[tuple[TypicalSong, ...]]) -> list[str]:
    """The genre, and typical songs where it is missing, only a number, or names another cluster too."""
    names = []
    for genre, songs in zip(genres, typical, strict=True):
        readable = genre if not genre.isdigit() else f"genre {genre}"
        examples = ", ".join(song.title for song in songs[:2])
        alone = genres.count(genre) == 1
        names.append(readable if readable and alone else f"{readable}: {examples}" if readable else examples)
    return names
