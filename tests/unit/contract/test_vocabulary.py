"""Songs as keys and rows."""

import numpy as np
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from worker.contract.rejection import Reason, Reject
from worker.contract.vocabulary import KEY_TYPE, SEED, SongIndex, Vocabulary, song_key, song_keys

KEYS = st.integers(0, 2**64 - 1)
SONGS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=64)


@given(st.sets(KEYS), st.lists(KEYS))
def test_rows_are_those_of_a_dict(known: set[int], others: list[int]) -> None:
    row_of = {key: row for row, key in enumerate(sorted(known))}
    asked = [*others, *known, *(key ^ 1 for key in known)]
    rows = Vocabulary(np.array(sorted(known), np.uint64)).rows(np.array(asked, np.uint64))
    assert rows.dtype == np.int32
    assert rows.tolist() == [row_of.get(key, -1) for key in asked]


@pytest.mark.parametrize(
    "keys",
    [
        np.array([2, 1], np.uint64),
        np.array([1, 1], np.uint64),
        np.array([1, 2], np.int64),
        np.array([[1, 2]], np.uint64),
    ],
    ids=["unsorted", "repeated", "signed", "two dimensions"],
)
def test_keys_that_cannot_be_searched_are_refused(keys: np.ndarray) -> None:
    with pytest.raises(ValueError, match="strictly increasing uint64 vector"):
        Vocabulary(keys)


@given(SONGS)
def test_a_key_is_the_seeded_hash_of_the_utf8_bytes(song_id: str) -> None:
    assert int.from_bytes(song_key(song_id), "big") == xxhash.xxh3_64_intdigest(song_id.encode(), seed=SEED)


@given(st.lists(SONGS))
def test_many_keys_are_the_keys_of_each(song_ids: list[str]) -> None:
    keys = song_keys(song_ids)
    assert keys.dtype == np.uint64
    assert keys.tolist() == [int.from_bytes(song_key(song_id), "big") for song_id in song_ids]


def test_a_key_never_changes() -> None:
    """Stored states would lose their meaning."""
    assert song_key("一路向北").hex() == "107bc110b844f0a9"


@pytest.mark.parametrize("song_id", ["", "s" * 257, "é" * 129, "\ud800"], ids=["empty", "long", "bytes", "surrogate"])
def test_a_bad_song_id_is_rejected(song_id: str) -> None:
    with pytest.raises(Reject, match="a song id") as caught:
        song_key(song_id)
    assert caught.value.reason == Reason.BAD_SONG_ID
    with pytest.raises(Reject):
        SongIndex(Vocabulary(np.array([], np.uint64)))[song_id]


@given(st.lists(SONGS), st.sets(SONGS, min_size=1), st.integers(1, 4))
def test_an_index_stays_bounded_and_right_when_it_starts_over(asked: list[str], known: set[str], capacity: int) -> None:
    vocabulary = Vocabulary(np.sort(song_keys(known)))
    index = SongIndex(vocabulary, capacity)
    for song_id in [*asked, *known, *asked]:
        key, row = index[song_id]
        assert key == song_key(song_id)
        if song_id in known:
            assert vocabulary.keys[int.from_bytes(row, "little")] == int.from_bytes(key, "big")
        else:
            assert row == b""
        assert len(index) <= capacity


def test_a_song_that_comes_again_is_not_looked_up_again() -> None:
    index = SongIndex(Vocabulary(song_keys(["s"])))
    assert index["s"] is index["s"]
    assert index["unknown"] is index["unknown"]


def test_a_rejected_id_is_not_remembered() -> None:
    index = SongIndex(Vocabulary(np.frombuffer(song_key("s"), KEY_TYPE).astype(np.uint64)))
    with pytest.raises(Reject):
        index[""]
    assert not index
