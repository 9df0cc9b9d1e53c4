"""Songs are found as people write them."""

import unicodedata

import pytest

from worker.contract.bundle import SongList
from worker.inference.song_search import Found, SongSearch, Unknown

SEARCH = SongSearch(
    SongList(
        ids=["s1", "s2", "s3", "s4", "小苹果", "s6"],
        titles=["Déjà Vu", "Halo", "HALO", "", "s1", "平凡之路"],
        artists=["A", "B", "C", "D", "E", ""],
        users=[5, 10, 30, 1, 2, 7],
    )
)


@pytest.mark.parametrize(
    ("asked", "song_id"),
    [
        ("s2", "s2"),
        ("s1", "s1"),  # an id comes before a title
        ("小苹果", "小苹果"),
        ("平凡之路", "s6"),
        ("déjà vu", "s1"),
        (unicodedata.normalize("NFD", "DÉJÀ  VU"), "s1"),
    ],
)
def test_a_song_is_found_by_id_or_title(asked: str, song_id: str) -> None:
    found = SEARCH.find(asked)

    assert isinstance(found, Found)
    assert found.song_id == song_id
    assert found.namesakes == 0


def test_of_namesakes_the_most_listened_is_taken() -> None:
    assert SEARCH.find("halo") == Found("halo", "s3", "HALO", "C", namesakes=1)


def test_an_unknown_title_gets_suggestions() -> None:
    assert SEARCH.find("deja vu") == Unknown("deja vu", ["Déjà Vu"])


@pytest.mark.parametrize("asked", ["", "something quite different"])
def test_what_resembles_nothing_gets_no_suggestion(asked: str) -> None:
    assert SEARCH.find(asked) == Unknown(asked, [])
