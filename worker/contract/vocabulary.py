"""Songs as numbers: 64-bit keys for every song there is, and rows of the encoder for those that a model knows."""

from collections.abc import Iterable

import numpy as np
import xxhash
from numpy.typing import NDArray

from worker.contract.rejection import Reason, Reject

HASH = "xxh3_64"
SEED = 20_260_131
KEY_BYTES = 8
KEY_TYPE = np.dtype(">u8")  # xxhash's canonical byte order
ROW_TYPE = np.dtype("<i4")
MAX_SONG_BYTES = 256


def song_key(song_id: str) -> bytes:
    """The 8-byte key of a song id. Raises Reject unless it is 1 to 256 bytes of UTF-8."""
    try:
        raw = song_id.encode()
    except UnicodeEncodeError as error:
        raise Reject(Reason.BAD_SONG_ID, f"a song id is not valid Unicode: {error}") from error
    if not 1 <= len(raw) <= MAX_SONG_BYTES:
        raise Reject(Reason.BAD_SONG_ID, f"a song id has {len(raw)} bytes; it must have 1 to {MAX_SONG_BYTES}")
    return xxhash.xxh3_64_digest(raw, SEED)


def song_keys(song_ids: Iterable[str]) -> NDArray[np.uint64]:
    """Keys of many songs, uint64 [N]."""
    return np.frombuffer(b"".join(map(song_key, song_ids)), KEY_TYPE).astype(np.uint64)


class Vocabulary:
    """The songs of one model: sorted keys, uint64 [V]; a song's position is its row in the encoder's table."""

    def __init__(self, keys: NDArray[np.uint64]) -> None:
        if keys.dtype != np.uint64 or keys.ndim != 1 or not np.all(keys[1:] > keys[:-1]):
            raise ValueError("a vocabulary is a strictly increasing uint64 vector (a repeated key is a collision)")
        self.keys = keys

    def __len__(self) -> int:
        return len(self.keys)

    def rows(self, keys: NDArray[np.uint64]) -> NDArray[np.int32]:
        """Row of each key, int32 [N]; -1 for songs that the model does not know."""
        if not len(self.keys):
            return np.full(len(keys), -1, np.int32)
        rows = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[rows] == keys, rows, -1).astype(np.int32)


Song = tuple[bytes, bytes]
"""One song as the fold needs it: its key, 8 bytes, as stored in a user's state; and the encoder's row, 4 bytes, or none
if the model does not know the song. A plain tuple, since each song of each event is taken apart."""


class SongIndex(dict[str, Song]):
    """Song id → Song, remembered, since popular songs come again and again. Raises Reject for a bad id.

    A remembered id costs one dict look-up; the memory is bounded by starting over when `capacity` is reached.
    """

    def __init__(self, vocabulary: Vocabulary, capacity: int = 1 << 17) -> None:
        super().__init__()
        self.vocabulary = vocabulary
        self._capacity = capacity

    def __missing__(self, song_id: str) -> Song:
        key = song_key(song_id)
        row = self.vocabulary.rows(np.frombuffer(key, KEY_TYPE).astype(np.uint64))[0]
        if len(self) >= self._capacity:
            self.clear()
        song = self[song_id] = (key, b"" if row < 0 else int(row).to_bytes(4, "little"))
        return song
