"""Reading reviews, and which artists they put side by side."""

from pathlib import Path

import pytest

from training.datasets.reviews import load_reviews
from training.errors import DataError
from training.song_vectors.corpus import load_corpus
from training.song_vectors.review_links import MAX_LINKS, link_artists


def folder_of(tmp_path: Path, *lines: str) -> Path:
    (tmp_path / "reviews.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return tmp_path


def test_artists_are_means_of_their_reviews(tmp_path: Path) -> None:
    lines = ("b,Rock,8.0,0.2", "a,Jazz,7.0,0.5", "b ,Rock,7.0,0.4", "b,Jazz,9.0,", "c,none,5.0,")
    reviews = load_reviews(folder_of(tmp_path, "artist,genre,score,energy", *lines))
    assert reviews.artists.to_pylist() == ["a", "b", "c"]
    assert reviews.genre.tolist() == ["Jazz", "Rock", ""]
    assert reviews.score.tolist() == [7, 8, 5]
    assert reviews.audio[:, 0].tolist() == pytest.approx([0.5, 0.3, 1.1 / 3])
    assert reviews.reviews.tolist() == [1, 3, 1]


def test_links_are_of_one_genre_and_a_close_score(tmp_path: Path) -> None:
    lines = ("a,Rock,7.00", "b,Rock,7.05", "c,Rock,7.11", "d,Jazz,7.05", "e,none,7.05", "f,none,7.05", "g,Jazz,7.0")
    graph = link_artists(load_reviews(folder_of(tmp_path, "artist,genre,score", *lines)))
    linked = {tuple("abcdefg"[place] for place in pair) for pair in zip(*graph.nonzero(), strict=True)}
    assert linked == {("a", "b"), ("b", "a"), ("d", "g"), ("g", "d")}


def test_a_crowd_is_linked_to_the_closest_alone(tmp_path: Path) -> None:
    lines = (f"artist {number:04d},Rock,7.0" for number in range(3 * MAX_LINKS))
    graph = link_artists(load_reviews(folder_of(tmp_path, "artist,genre,score", *lines)))
    assert graph.sum(axis=1).max() <= MAX_LINKS
    assert (graph != graph.T).nnz == 0


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (("artist,genre", "a,Rock"), "has no column 'score'; its columns are 'artist', 'genre'"),
        (("artist,genre,score", "a,Rock,good"), "column score holds something that is no number"),
        (("artist,genre,score", "a,Rock,"), "1 reviews have no score"),
        (("artist,genre,score", " ,Rock,7"), "1 reviews have no artist"),
        (("artist,genre,score",), "has no rows"),
        (("artist,genre,score", "a,Rock,7", "b,Rock,7", "c,none,7"), "only 2 of 3 artists share a genre and a close"),
    ],
)
def test_says_what_is_wrong_with_reviews(tmp_path: Path, lines: tuple[str, ...], says: str) -> None:
    with pytest.raises(DataError, match=says):
        load_corpus(folder_of(tmp_path, *lines), "reviews")


def test_says_what_is_wrong_with_playlists(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no table 'reviews'"):
        load_corpus(tmp_path, "reviews")
    (tmp_path / "plays.csv").write_text("user_id,song_id\n" + "".join(f"u{n},s{n}\n" for n in range(99)))
    (tmp_path / "users.csv").write_text("user_id,gender\nu1,f\n")
    with pytest.raises(DataError, match="only 0 users have two songs or more"):
        load_corpus(tmp_path, "playlists")
