"""Folding against a model made of sets, and states that survive being stored."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.contract.event import ERASE, Change, Consent, Event, Snapshot
from worker.contract.rejection import Reason, Reject
from worker.contract.user_state import AGREES, NEW_USER, OBJECTS, UserState, fold, unpack
from worker.contract.vocabulary import KEY_TYPE, SongIndex, Vocabulary

MAX_SONGS = 6
NO_SONGS = Vocabulary(np.array([], np.uint64))

# Keys and rows of two different bytes only: put side by side they are full of other keys and rows at wrong places.
KEYS = [bytes(digits) for digits in itertools.product(b"\0\1", repeat=8)]
SONG_IDS = [f"s{number}" for number in range(len(KEYS))]
KNOWN = {key: number.to_bytes(4, "little") for number, key in enumerate(KEYS) if number % 3}
INDEX = SongIndex(NO_SONGS)
INDEX.update({song_id: (key, KNOWN.get(key, b"")) for song_id, key in zip(SONG_IDS, KEYS, strict=True)})
KEY_OF = dict(zip(SONG_IDS, KEYS, strict=True))

songs = st.lists(st.sampled_from(SONG_IDS[:12]), max_size=5) | st.lists(st.sampled_from(SONG_IDS), max_size=5)
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(Change, add=songs, remove=songs),
    st.builds(Snapshot, songs=songs),
    st.builds(Consent, labelling=st.booleans()),
    st.just(ERASE),
)


@dataclass
class SetModel:
    """What a user's state means, in the plainest words."""

    known: bool = False
    songs: set[str] = field(default_factory=set)
    consent: bool | None = None
    offset: int = -1

    def take(self, event: Event, offset: int) -> bool:
        """Whether the event is accepted."""
        match event:
            case Snapshot():
                after = set(event.songs)
            case Change():
                after = (self.songs - set(event.remove)) | set(event.add)
            case Consent():
                after, self.consent = self.songs, event.labelling
            case _:
                self.__init__()
                return True
        if len(after) > MAX_SONGS:
            return False
        self.known, self.songs, self.offset = True, after, offset
        return True


def keys_of(state: UserState) -> list[bytes]:
    return [state.songs[at : at + 8] for at in range(0, len(state.songs), 8)]


def rows_of(keys: Iterable[bytes]) -> bytes:
    return b"".join(KNOWN.get(key, b"") for key in keys)


@given(st.lists(events, max_size=30))
def test_folding_is_what_sets_do(history: list[Event]) -> None:
    model, state = SetModel(), None
    for offset, event in enumerate(history):
        if model.take(event, offset):
            state = fold(state, event, offset, INDEX, MAX_SONGS)
        else:
            with pytest.raises(Reject, match=f"at most {MAX_SONGS}") as caught:
                fold(state, event, offset, INDEX, MAX_SONGS)
            assert caught.value.reason == Reason.TOO_MANY_SONGS
        assert (state is not None) == model.known
        seen = state or NEW_USER
        assert sorted(keys_of(seen)) == sorted(KEY_OF[song] for song in model.songs), "each song once, none else"
        assert seen.rows == rows_of(keys_of(seen)), "rows are those of the songs, in their order"
        assert seen.offset == model.offset
        assert seen.may_be_labelled(True) == (model.consent is not False)
        assert seen.may_be_labelled(False) == (model.consent is True)


any_songs = st.lists(st.sampled_from(SONG_IDS), max_size=20) | st.lists(st.sampled_from(SONG_IDS), min_size=65)


@given(st.sets(st.sampled_from(SONG_IDS), min_size=1), any_songs, any_songs)
def test_a_long_change_means_the_same_as_many_short_ones(before: set[str], add: list[str], remove: list[str]) -> None:
    """Long lists take another way through the code."""
    state = fold(None, Snapshot(songs=sorted(before)), 0, INDEX, len(SONG_IDS))
    at_once = fold(state, Change(add=add, remove=remove), 1, INDEX, len(SONG_IDS))
    for song in remove:
        state = fold(state, Change(remove=[song]), 1, INDEX, len(SONG_IDS))
    for song in add:
        state = fold(state, Change(add=[song]), 1, INDEX, len(SONG_IDS))
    assert at_once is not None
    assert state is not None
    assert keys_of(at_once) == keys_of(state)
    assert at_once.rows == state.rows


A, B, ACROSS = b"aaaaBBBB", b"CCCCdddd", b"BBBBCCCC"
ROW_A, ROW_B, ROW_ACROSS = b"aaBB", b"CCdd", b"BBCC"


@pytest.fixture
def index_with_a_key_across() -> SongIndex:
    """Songs a and b side by side hold the key, and the row, of a third song at a place where no song begins."""
    index = SongIndex(NO_SONGS)
    index.update({"a": (A, ROW_A), "b": (B, ROW_B), "across": (ACROSS, ROW_ACROSS)})
    return index


@pytest.mark.parametrize("repeats", [1, 65], ids=["short", "long"])
def test_a_key_across_two_songs_is_no_song(index_with_a_key_across: SongIndex, repeats: int) -> None:
    both = fold(None, Snapshot(songs=["a", "b"]), 0, index_with_a_key_across, MAX_SONGS)
    assert both is not None
    assert fold(both, Change(remove=["across"] * repeats), 0, index_with_a_key_across, MAX_SONGS) == both
    three = fold(both, Change(add=["across"] * repeats), 0, index_with_a_key_across, MAX_SONGS)
    assert three == UserState(A + B + ACROSS, ROW_A + ROW_B + ROW_ACROSS, 0, 0)
    again = fold(three, Change(remove=["across"] * repeats), 0, index_with_a_key_across, MAX_SONGS)
    assert again == both


def test_remove_comes_before_add() -> None:
    state = fold(None, Change(add=["s1"], remove=["s1"]), 0, INDEX, MAX_SONGS)
    assert state is not None
    assert keys_of(state) == [KEY_OF["s1"]]


def test_room_made_by_remove_may_be_filled_by_add() -> None:
    full = fold(None, Snapshot(songs=SONG_IDS[:MAX_SONGS]), 0, INDEX, MAX_SONGS)
    after = fold(full, Change(add=["s100"], remove=["s0"]), 1, INDEX, MAX_SONGS)
    assert after is not None
    assert after.song_count == MAX_SONGS


def test_a_repeated_song_does_not_count_twice() -> None:
    assert fold(None, Snapshot(songs=["s1"] * 10 * MAX_SONGS), 0, INDEX, MAX_SONGS) is not None


@pytest.mark.parametrize(
    "event", [Snapshot(songs=["s1", ""]), Change(add=[""]), Change(remove=[""]), Change(add=["\ud800"])]
)
def test_a_bad_song_id_is_rejected(event: Event) -> None:
    with pytest.raises(Reject) as caught:
        fold(None, event, 0, INDEX, MAX_SONGS)
    assert caught.value.reason == Reason.BAD_SONG_ID


def test_an_objection_is_gone_once_the_user_is_erased() -> None:
    objecting = fold(None, Consent(labelling=False), 0, INDEX, MAX_SONGS)
    assert objecting is not None
    assert not objecting.may_be_labelled(True)
    assert fold(objecting, ERASE, 1, INDEX, MAX_SONGS) is None
    again = fold(None, Snapshot(songs=["s1"]), 2, INDEX, MAX_SONGS)
    assert again is not None
    assert again.may_be_labelled(True)


OFFSETS = st.integers(-1, 2**63 - 1)
STATES = st.builds(
    lambda keys, flags, offset: UserState(b"".join(keys), rows_of(keys), flags, offset),
    st.lists(st.sampled_from(KEYS), unique=True, max_size=20),
    st.sampled_from([0, OBJECTS, AGREES]),
    OFFSETS,
)
KNOWN_KEYS = sorted(int.from_bytes(key, "big") for key in KNOWN)
VOCABULARY = Vocabulary(np.array(KNOWN_KEYS, np.uint64))


def in_vocabulary(state: UserState) -> UserState:
    """`state` with the rows that VOCABULARY gives its songs."""
    positions = [int.from_bytes(key, "big") for key in keys_of(state)]
    rows = [KNOWN_KEYS.index(key).to_bytes(4, "little") for key in positions if key in KNOWN_KEYS]
    return UserState(state.songs, b"".join(rows), state.flags, state.offset)


@given(st.lists(STATES, max_size=8))
@example([NEW_USER, NEW_USER])
def test_stored_states_come_back_with_the_rows_of_any_vocabulary(states: list[UserState]) -> None:
    packed = [state.pack() for state in states]
    assert unpack(packed, VOCABULARY) == [in_vocabulary(state) for state in states]
    assert [state.rows for state in unpack(packed, NO_SONGS)] == [b""] * len(states)


def test_the_stored_form_never_changes() -> None:
    """Changelogs are full of it."""
    state = UserState(b"\1\2\3\4\5\6\7\10", b"\0\0\0\0", OBJECTS, 258)
    assert state.pack() == b"\x01\x01\x02\x01\0\0\0\0\0\0\1\2\3\4\5\6\7\10"
    key = np.frombuffer(b"\1\2\3\4\5\6\7\10", KEY_TYPE).astype(np.uint64)
    assert unpack([state.pack()], Vocabulary(key)) == [state]


@given(STATES, st.integers(0, 9), st.integers(1, 7))
def test_a_state_that_was_cut_off_is_an_error(state: UserState, header: int, missing: int) -> None:
    whole = state.pack()
    for damaged in (whole[:header], whole[: len(whole) - missing], whole + b"?" * missing):
        with pytest.raises(ValueError, match=f"a state of {len(damaged)} bytes is cut off"):
            unpack([NEW_USER.pack(), damaged], VOCABULARY)


@given(st.integers(2, 255))
def test_a_later_format_asks_for_an_upgrade(version: int) -> None:
    with pytest.raises(ValueError, match=f"version {version}; this worker reads version 1: upgrade the worker"):
        unpack([bytes([version]) + NEW_USER.pack()[1:]], VOCABULARY)


def test_counts_are_of_songs() -> None:
    state = UserState(KEYS[1] + KEYS[3], KNOWN[KEYS[1]], 0, 0)
    assert (state.song_count, state.known_count) == (2, 1)
