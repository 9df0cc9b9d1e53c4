"""Reading a table of music reviews: what critics say of artists."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training.datasets.table_file import read_batches, require_table
from training.errors import DataError

AUDIO = (
    "danceability",
    "energy",
    "loudness",
    "speechiness",
    "acousticness",
    "instrumentalness",
    "liveness",
    "valence",
    "tempo",
)
"""Columns that say how the music sounds; those that the table lacks are left out."""

NO_GENRE = ("", "none")


@dataclass(frozen=True)
class Reviews:
    """One entry per artist, in the byte order of their names."""

    # string [artists]
    artists: pa.Array
    # object [artists]: the genre of most of the artist's reviews; empty where none is told.
    genre: NDArray[np.object_]
    # float64 [artists]: mean over the artist's reviews.
    score: NDArray[np.float64]
    # float64 [artists, audio features]: means over the artist's reviews.
    audio: NDArray[np.float64]
    # int64 [artists]: number of reviews.
    reviews: NDArray[np.int64]
    digest: str


def load_reviews(folder: Path) -> Reviews:
    """Read the table `reviews` with artist, genre and score. Spaces around a name do not count.

    Raises DataError where the table or a column is missing, an artist or a score is, or a score is no number.
    """
    path = require_table(folder, "reviews")
    batches = list(read_batches(path, ("artist", "genre", "score"), AUDIO))
    table = pa.Table.from_batches(batches) if batches else None
    if table is None or not table.num_rows:
        raise DataError(f"{path} has no rows; add one row per review with its artist, genre and score")
    table = table.set_column(0, "artist", pc.utf8_trim_whitespace(table["artist"].fill_null("")))
    if missing := int(pc.sum(pc.equal(table["artist"], "")).as_py()):
        raise DataError(f"{path}: {missing} reviews have no artist; name one or leave those rows out")
    sounds = [name for name in AUDIO if name in table.column_names]
    numbers = {name: _numbers(path, table, name, required=name == "score") for name in ("score", *sounds)}
    artists = pc.unique(table["artist"])
    artists = artists.take(pc.sort_indices(artists))
    owner = pc.index_in(table["artist"], value_set=artists).to_numpy()
    return Reviews(
        artists=artists,
        genre=_most_frequent(owner, table["genre"].fill_null(""), len(artists)),
        score=_means(owner, numbers["score"], len(artists)),
        audio=np.array([_means(owner, numbers[name], len(artists)) for name in sounds]).reshape(-1, len(artists)).T,
        reviews=np.bincount(owner, minlength=len(artists)).astype(np.int64),
        digest=_digest(table),
    )


def _numbers(path: Path, table: pa.Table, name: str, *, required: bool) -> NDArray[np.float64]:
    """float64 [reviews]; NaN where an optional column is empty."""
    try:
        values = table[name].cast(pa.float64())
    except pa.ArrowInvalid as error:
        raise DataError(f"{path}: the column {name} holds something that is no number ({error}); mend it") from error
    found: NDArray[np.float64] = values.to_numpy().astype(np.float64)
    if required and not np.isfinite(found).all():
        raise DataError(f"{path}: {int((~np.isfinite(found)).sum())} reviews have no {name}; give every row one")
    return found


def _means(owner: NDArray[np.int64], values: NDArray[np.float64], artists: int) -> NDArray[np.float64]:
    """The mean per artist of what is known; the mean of all where nothing is."""
    known = np.isfinite(values)
    total = np.bincount(owner[known], weights=values[known], minlength=artists)
    count = np.bincount(owner[known], minlength=artists)
    overall = values[known].mean() if known.any() else 0.0
    return np.where(count > 0, total / np.maximum(count, 1), overall)


def _most_frequent(owner: NDArray[np.int64], genre: pa.ChunkedArray, artists: int) -> NDArray[np.object_]:
    """The first in byte order where two are equally frequent."""
    names = sorted(set(genre.to_pylist()))
    counts = np.zeros((artists, len(names)), dtype=np.int64)
    np.add.at(counts, (owner, pc.index_in(genre, value_set=pa.array(names)).to_numpy()), 1)
    counts[:, [name.casefold() in NO_GENRE for name in names]] = 0
    found: NDArray[np.object_] = np.array(names, dtype=object)[counts.argmax(axis=1)]
    found[counts.sum(axis=1) == 0] = ""
    return found


def _digest(table: pa.Table) -> str:
    """The same for the same artists, genres and scores in the same order."""
    digest = hashlib.sha256()
    for name in ("artist", "genre", "score"):
        for text in table[name].to_pylist():
            part = (text or "").encode()
            digest.update(len(part).to_bytes(8, "little") + part)
    return f"sha256:{digest.hexdigest()}"
