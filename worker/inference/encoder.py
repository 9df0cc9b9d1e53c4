"""The encoder: songs of a chunk of playlists in, codes out."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from worker.contract.features import Features
from worker.inference.session import open_session

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


class Encoder:
    """Turns playlists into codes, float32 [B, D]. Its cost grows with the songs, never with the vocabulary."""

    def __init__(self, raw: bytes) -> None:
        self._session = open_session("encoder.onnx", raw)

    def run(self, features: Features) -> NDArray[np.float32]:
        codes: NDArray[np.float32] = self._session.run(["code"], features._asdict())[0]
        return codes
