"""Finding songs by what a person writes, and arithmetic with what was found."""

import numpy as np
import pyarrow as pa
import pytest

from training.errors import TrainingError
from training.song_vectors.lookup import Found, SongLookup, most_similar

SONGS = pa.table(
    {
        "song_id": ["s1", "s2", "s3", "s4", "Coil"],
        "title": ["Café", "Yesterday", "Yesterday", "一路向北", ""],
        "artist": ["Ann", "Bob", "Cid", "Bob", "Coil"],
    }
)


@pytest.fixture
def lookup() -> SongLookup:
    return SongLookup(SONGS)


@pytest.mark.parametrize(
    ("asked", "name", "rows"),
    [
        ("s2", "Yesterday - Bob", [1]),
        ("  cafe\u0301 ", "Café - Ann", [0]),
        ("一路向北", "一路向北 - Bob", [3]),
        ("BOB", "Bob (2 songs)", [1, 3]),
        ("ann", "Café - Ann", [0]),
        ("coil", "Coil", [4]),
    ],
)
def test_finds_by_id_title_and_artist(lookup: SongLookup, asked: str, name: str, rows: list[int]) -> None:
    found = lookup.find(asked)
    assert (found.name, found.rows.tolist()) == (name, rows)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ("Coiil", "knows no song, title or artist 'Coiil'; did you mean 'Coil'?"),
        ("Yesterdy", "did you mean 'Yesterday'?"),
        ("xyzzy", "nothing in it is written like that"),
        ("yesterday", r"2 songs are called 'yesterday'; give one's id instead: s2 \(Yesterday - Bob\); s3"),
    ],
)
def test_says_what_to_write_instead(lookup: SongLookup, asked: str, says: str) -> None:
    with pytest.raises(TrainingError, match=says):
        lookup.find(asked)


def found(*rows: int) -> Found:
    return Found(str(rows), np.array(rows))


def test_adds_and_takes_away() -> None:
    """With a king who is male and royal: less the male, plus the female, is the queen."""
    male, female, royal = np.eye(3, dtype=np.float32)
    vectors = np.stack([male, female, male + royal, female + royal, male + female, np.zeros(3, dtype=np.float32)])
    (best, cosine), *others = most_similar(vectors, [found(2), found(1)], [found(0)], 10)
    assert best == 3
    assert cosine > 0.9
    assert [row for row, _ in others] == [4], "neither what was asked for nor a song without a vector"


def test_an_artist_is_the_sum_of_the_songs() -> None:
    vectors = np.array([[1, 0], [0, 1], [1, 1], [1, -1]], dtype=np.float32)
    (best, cosine), (worst, _) = most_similar(vectors, [found(0, 1)], [], 2)
    assert (best, worst) == (2, 3)
    assert cosine == pytest.approx(1)


def test_an_artist_of_many_songs_counts_as_much_as_one_song() -> None:
    evenly, by_songs = np.array([0.5**0.5, 0.5**0.5, 1]), np.ones(3)
    vectors = np.stack([*np.eye(3), evenly, by_songs]).astype(np.float32)
    (best, cosine), _ = most_similar(vectors, [found(0, 1), found(2)], [], 2)
    assert (best, cosine) == (3, pytest.approx(1))


def test_refuses_what_has_no_direction() -> None:
    vectors = np.array([[1, 0], [2, 0], [0, 0]], dtype=np.float32)
    with pytest.raises(TrainingError, match="cancel out"):
        most_similar(vectors, [found(0)], [found(1)], 5)
    with pytest.raises(TrainingError, match="occurs beside no other"):
        most_similar(vectors, [found(2)], [], 5)
