"""Batches in pieces: what one run of the models gets."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from worker.contract.features import Features

CHUNK = 512
"""Playlists per run of the models; measured: fewer pay for the calls, more fall out of the processor's cache."""


class Chunk(NamedTuple):
    """Playlists `start` to `stop` of a batch."""

    start: int
    stop: int
    features: Features
    """`user_rows` count from 0 within the chunk."""


def split(features: Features, size: int = CHUNK) -> Iterator[Chunk]:
    """Chunks of at most `size` playlists; none for an empty batch."""
    playlists = len(features.song_counts)
    if 0 < playlists <= size:
        yield Chunk(0, playlists, features)
        return
    edges = [*range(0, playlists, size), playlists]
    song_edges = np.searchsorted(features.user_rows, edges).tolist()
    for start, stop, first, last in zip(edges, edges[1:], song_edges, song_edges[1:], strict=False):
        yield Chunk(
            start,
            stop,
            Features(
                features.song_rows[first:last],
                features.user_rows[first:last] - np.int32(start),
                features.song_counts[start:stop],
            ),
        )
