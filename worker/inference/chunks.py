"""Batches in pieces: what one run of the models gets."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from worker.contract.features import Features

VALUES = 1_500_000
"""Of the encoder's table that one run looks up, about: songs times units. Measured by the stages of `make bench`: fewer
pay for the calls, more fall out of the processor's cache and take memory."""


class Chunk(NamedTuple):
    """Playlists `start` to `stop` of a batch."""

    start: int
    stop: int
    features: Features
    """`user_rows` count from 0 within the chunk."""


def songs_at_once(units: int) -> int:
    """How many songs one run of an encoder that is `units` wide should get."""
    return max(1, VALUES // units)


def split(features: Features, songs: int) -> Iterator[Chunk]:
    """Chunks of about `songs` songs, an empty playlist counted as one; none for an empty batch."""
    weights = np.maximum(features.song_counts, 1).astype(np.int64)
    before = np.cumsum(weights) - weights
    return cut(features, np.flatnonzero(np.diff(before // songs, prepend=-1)).tolist())


def cut(features: Features, starts: Sequence[int]) -> Iterator[Chunk]:
    """Chunks that begin with the playlists `starts`, of which the first is 0 where there are any."""
    if len(starts) == 1:
        yield Chunk(0, len(features.song_counts), features)
        return
    edges = [*starts, len(features.song_counts)]
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
