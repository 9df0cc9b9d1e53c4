"""From what a person writes to rows of a run, and from rows to their neighbours."""

import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training.errors import TrainingError
from training.serving import Floats
from training.song_vectors.neighbours import greatest, unit_length

LISTED = 5


@dataclass(frozen=True)
class Found:
    """`name` is how to show it; an artist stands for all songs of theirs."""

    name: str
    rows: NDArray[np.intp]


class SongLookup:
    """Finds songs by id, title or artist; only the id has to be written exactly."""

    def __init__(self, songs: pa.Table) -> None:
        self._songs = songs.select(["song_id", "title", "artist"]).to_pylist()
        self._row_of_id = {song["song_id"]: row for row, song in enumerate(self._songs)}
        self._titles = self._by("title")
        self._artists = self._by("artist")

    def find(self, asked: str) -> Found:
        """The song of that id or title, or the artist's songs. Raises TrainingError where there is none, or several."""
        if asked in self._row_of_id:
            row = self._row_of_id[asked]
            return Found(self.describe(row), np.array([row]))
        title, artist = self._titles.get(folded(asked), []), self._artists.get(folded(asked), [])
        if len(title) > 1:
            listed = "; ".join(f"{self._songs[row]['song_id']} ({self.describe(row)})" for row in title[:LISTED])
            raise TrainingError(f"{len(title)} songs are called {asked!r}; give one's id instead: {listed}")
        if title or artist:
            rows = title or artist
            name = self.describe(rows[0]) if title else f"{self._songs[rows[0]]['artist']} ({len(rows)} songs)"
            return Found(name if title or len(rows) > 1 else self.describe(rows[0]), np.array(rows))
        raise TrainingError(f"the run knows no song, title or artist {asked!r}; {self._suggest(asked)}")

    def describe(self, row: int) -> str:
        """Title and artist, as far as they are known, or else the id."""
        song = self._songs[row]
        parts = dict.fromkeys(part for part in (song["title"], song["artist"]) if part)
        return " - ".join(parts) or str(song["song_id"])

    def _by(self, column: str) -> dict[str, list[int]]:
        rows: dict[str, list[int]] = defaultdict(list)
        for row, song in enumerate(self._songs):
            if song[column]:
                rows[folded(song[column])].append(row)
        return rows

    def _suggest(self, asked: str) -> str:
        known = {folded(song_id): song_id for song_id in self._row_of_id}
        for column, names in (("title", self._titles), ("artist", self._artists)):
            known |= {name: self._songs[rows[0]][column] for name, rows in names.items()}
        close = [known[name] for name in get_close_matches(folded(asked), known, n=3)]
        return f"did you mean {' or '.join(map(repr, close))}?" if close else "nothing in it is written like that"


def folded(text: str) -> str:
    """Equal for names that a reader takes for the same: composed or decomposed accents, case, spaces."""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())


def most_similar(vectors: Floats, plus: list[Found], minus: list[Found], count: int) -> list[tuple[int, float]]:
    """(row, cosine) of the songs nearest to the sum of `plus` less that of `minus`, without any song of either.

    Everything counts with unit length. Raises TrainingError where nothing is left to compare with.
    """
    unit = unit_length(vectors)
    for one in (*plus, *minus):
        if not unit[one.rows].any():
            raise TrainingError(f"nothing was learnt about {one.name}: it occurs beside no other; leave it out")
    directions = [sign * unit_length(unit[one.rows].sum(axis=0, keepdims=True)) for sign, part in
                  ((1, plus), (-1, minus)) for one in part]  # fmt: skip
    total = np.sum(directions, axis=0)
    if np.linalg.norm(total) < 1e-6:
        raise TrainingError("what is added and what is taken away cancel out; leave some of it out")
    cosine = (unit @ unit_length(total)[0]).astype(np.float64)
    cosine[~unit.any(axis=1)] = -2
    cosine[np.concatenate([one.rows for one in (*plus, *minus)])] = -2
    best = greatest(cosine[None], min(count, len(cosine)))[0]
    return [(int(row), float(cosine[row])) for row in best if cosine[row] > -2]
