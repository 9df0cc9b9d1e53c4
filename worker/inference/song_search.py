"""Finding a person's songs in a bundle, by id or by title."""

import unicodedata
from collections import defaultdict
from difflib import get_close_matches

import msgspec

from worker.contract.bundle import SongList


class Found(msgspec.Struct, frozen=True):
    asked: str
    song_id: str
    title: str
    artist: str
    namesakes: int
    """How many other songs have this title; the one that most users have was taken."""


class Unknown(msgspec.Struct, frozen=True):
    asked: str
    suggestions: list[str]
    """Titles that are written like it."""


class SongSearch:
    def __init__(self, songs: SongList) -> None:
        self._songs = songs
        self._row_of_id = {song_id: row for row, song_id in enumerate(songs.ids)}
        self._rows_of_title: dict[str, list[int]] = defaultdict(list)
        for row, title in enumerate(songs.titles):
            if title:
                self._rows_of_title[_folded(title)].append(row)

    def find(self, asked: str) -> Found | Unknown:
        """The song whose id is `asked`, or else the most listened one of that title, whatever its case."""
        if asked in self._row_of_id:
            return self._found(asked, self._row_of_id[asked], namesakes=0)
        rows = self._rows_of_title.get(_folded(asked))
        if rows:
            return self._found(asked, max(rows, key=self._songs.users.__getitem__), namesakes=len(rows) - 1)
        close = get_close_matches(_folded(asked), self._rows_of_title, n=3)
        return Unknown(asked, [self._songs.titles[self._rows_of_title[title][0]] for title in close])

    def _found(self, asked: str, row: int, namesakes: int) -> Found:
        return Found(asked, self._songs.ids[row], self._songs.titles[row], self._songs.artists[row], namesakes)


def _folded(title: str) -> str:
    """Equal for titles that a reader takes for the same: composed or decomposed accents, case, spaces."""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", title).casefold()).split())
