"""Fuzz target: any bytes as an event's key and value. Only Reject may come out, or a state that keeps its own rules."""

import numpy as np

from tests.acceptance.events import EventMaker
from worker.contract.event import decode_event, decode_user
from worker.contract.rejection import Reject
from worker.contract.user_state import UserState, fold, unpack
from worker.contract.vocabulary import SongIndex, Vocabulary, song_keys

MAX_BYTES = 10_000
MAX_SONGS = 50
KNOWN = 20

_vocabulary = Vocabulary(np.unique(song_keys(f"s{number}" for number in range(KNOWN))))
_index = SongIndex(_vocabulary)
_before = UserState()
for _key, _row in map(_index.__getitem__, ("s1", "x1", "s2")):
    _before = UserState(_before.songs + _key, _before.rows + _row, 0, 1)


def seeds() -> list[bytes]:
    """Events of every kind."""
    maker = EventMaker(seed=1)
    events = [maker.next() for _ in range(40)] + [maker.poison() for _ in range(40)]
    return [
        bytes([len(event.key or b"")]) + (event.key or b"") + event.value
        for event in events
        if event.value is not None and len(event.key or b"") < 256 and len(event.value) < MAX_BYTES
    ]


def fuzz(data: bytes) -> None:
    """The first byte tells how long the key is; the value is the rest."""
    length = data[0] if data else 0
    key, value = data[1 : 1 + length], data[1 + length :]
    try:
        after = fold(_before, decode_event(value, decode_user(key), MAX_BYTES), 2, _index, MAX_SONGS)
    except Reject as reject:
        assert str(reject), "a dead letter tells why"  # noqa: PT017
        return
    assert after is not None, "only a record without a value erases"
    assert after.song_count <= MAX_SONGS
    assert after.known_count <= after.song_count
    songs = [after.songs[at : at + 8] for at in range(0, len(after.songs), 8)]
    assert len(set(songs)) == len(songs), "a playlist is a set"
    assert unpack([after.pack()], _vocabulary) == [after], "what is stored is what was known"
