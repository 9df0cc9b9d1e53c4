"""What is known of a user: which songs, up to which event, and whether they may be labelled.

A stored state is `version u8 | flags u8 | offset i64` (little-endian), then the 8-byte keys of the songs, each once, in
the order in which they were added. It depends on no model.
"""

import struct
from collections.abc import Collection, Sequence

import msgspec
import numpy as np

from worker.contract.event import Change, Consent, Erase, Event, Snapshot
from worker.contract.rejection import Reason, Reject
from worker.contract.vocabulary import KEY_BYTES, KEY_TYPE, ROW_TYPE, SongIndex, Vocabulary

VERSION = 1
OBJECTS = 1
AGREES = 2
MANY = 64
"""Searching the bytes for each song of a list is quadratic: from so many on, they are looked up in a set instead."""

_HEADER = struct.Struct("<BBq")
_ROW_BYTES = ROW_TYPE.itemsize


class UserState(msgspec.Struct, frozen=True, gc=False):
    """One user's state. `rows` is derived from `songs` and a vocabulary, never stored."""

    songs: bytes = b""
    """Keys of the songs, 8 bytes each."""
    rows: bytes = b""
    """Encoder rows (int32, little-endian) of those songs that the model knows."""
    flags: int = 0
    """OBJECTS, AGREES, or 0 while the user has not said a word."""
    offset: int = -1
    """Offset of the last event that was folded in."""

    @property
    def song_count(self) -> int:
        return len(self.songs) // KEY_BYTES

    @property
    def known_count(self) -> int:
        return len(self.rows) // _ROW_BYTES

    def may_be_labelled(self, default: bool) -> bool:
        """Whether the user may be labelled; `default` holds for those who have not said a word."""
        return bool(self.flags & AGREES) if self.flags else default

    def pack(self) -> bytes:
        return _HEADER.pack(VERSION, self.flags, self.offset) + self.songs


NEW_USER = UserState()


def unpack(packed: Sequence[bytes], vocabulary: Vocabulary) -> list[UserState]:
    """States from their stored form, rows looked up for all at once. Raises ValueError if one is damaged."""
    headers = [_header(state) for state in packed]
    songs = [state[_HEADER.size :] for state in packed]
    rows = vocabulary.rows(np.frombuffer(b"".join(songs), KEY_TYPE).astype(np.uint64))
    known = rows >= 0
    known_rows = rows[known].astype(ROW_TYPE).tobytes()
    # Where each user's known rows end: the running count of known songs at the end of the user's songs.
    known_up_to = np.concatenate(([0], np.cumsum(known)))
    ends = known_up_to[np.cumsum([len(part) // KEY_BYTES for part in songs], dtype=np.int64)] * _ROW_BYTES
    states, start = [], 0
    for (flags, offset), part, end in zip(headers, songs, ends.tolist(), strict=True):
        states.append(UserState(part, known_rows[start:end], flags, offset))
        start = end
    return states


def _header(packed: bytes) -> tuple[int, int]:
    if len(packed) < _HEADER.size or (len(packed) - _HEADER.size) % KEY_BYTES:
        raise ValueError(f"a state of {len(packed)} bytes is cut off")
    version, flags, offset = _HEADER.unpack_from(packed)
    if version != VERSION:
        raise ValueError(
            f"a state has format version {version}; this worker reads version {VERSION}: upgrade the worker"
        )
    return flags, offset


def fold(state: UserState | None, event: Event, offset: int, index: SongIndex, max_songs: int) -> UserState | None:
    """The state after `event`, which stands at `offset`; None where nothing is known of the user.

    Raises Reject for a bad song id, or if the playlist would exceed `max_songs`.
    """
    before = NEW_USER if state is None else state
    if type(event) is Change:
        songs, rows = before.songs, before.rows
        if event.remove:
            songs, rows = _reduced(songs, rows, event.remove, index)
        if len(event.add) > MANY:
            songs, rows = _merged(songs, rows, event.add, index)
        else:
            for song_id in event.add:
                key, row = index[song_id]
                at = songs.find(key)
                if at < 0 or (at % KEY_BYTES and _position(songs, key) < 0):
                    songs += key
                    rows += row
    elif type(event) is Snapshot:
        songs, rows = _merged(b"", b"", event.songs, index)
    elif type(event) is Consent:
        return UserState(before.songs, before.rows, AGREES if event.labelling else OBJECTS, offset)
    else:
        assert type(event) is Erase
        return None
    if len(songs) > max_songs * KEY_BYTES:
        count = len(songs) // KEY_BYTES
        raise Reject(Reason.TOO_MANY_SONGS, f"the playlist would have {count} songs; at most {max_songs} are accepted")
    return UserState(songs, rows, before.flags, offset)


def _merged(songs: bytes, rows: bytes, song_ids: Sequence[str], index: SongIndex) -> tuple[bytes, bytes]:
    known = {songs[at : at + KEY_BYTES] for at in range(0, len(songs), KEY_BYTES)}
    fresh = {key: row for key, row in map(index.__getitem__, song_ids) if key not in known}
    return songs + b"".join(fresh), rows + b"".join(fresh.values())


def _reduced(songs: bytes, rows: bytes, song_ids: Sequence[str], index: SongIndex) -> tuple[bytes, bytes]:
    if len(song_ids) > MANY:
        gone = dict(map(index.__getitem__, song_ids))
        return _kept(songs, gone.keys(), KEY_BYTES), _kept(rows, set(gone.values()), _ROW_BYTES)
    for song_id in song_ids:
        key, row = index[song_id]
        songs, rows = _without(songs, key), _without(rows, row)
    return songs, rows


def _kept(items: bytes, gone: Collection[bytes], size: int) -> bytes:
    parts = (items[at : at + size] for at in range(0, len(items), size))
    return b"".join(part for part in parts if part not in gone)


def _without(items: bytes, item: bytes) -> bytes:
    at = _position(items, item) if item else -1
    return items if at < 0 else items[:at] + items[at + len(item) :]


def _position(items: bytes, item: bytes) -> int:
    """Where `item` stands among equally long items; -1 if it is absent. A find may hit across two items: go on then."""
    at = items.find(item)
    while at % len(item) and at >= 0:
        at = items.find(item, at + 1)
    return at
