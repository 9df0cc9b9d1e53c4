"""A data folder as song vectors see it: songs, what they occur beside, and what is known of each by itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training.datasets.digest import data_digest
from training.datasets.load import load_playlists
from training.datasets.playlists import Playlists, playlist_lengths, song_users
from training.datasets.reviews import Reviews, load_reviews
from training.errors import DataError
from training.serving import Floats
from training.song_vectors.contexts import Contexts, GraphContexts, PlaylistContexts
from training.song_vectors.review_links import link_artists

ContextKind = Literal["playlists", "reviews"]

MIN_SONGS = 30
"""Fewer songs with company than this, and the ten nearest are a third of all."""

MIN_USERS = 50
"""Users with two songs or more, of whom a fifth is held out to measure on."""


@dataclass(frozen=True)
class Corpus:
    """One row per song (or artist, where the contexts are reviews)."""

    # song_id, title, artist, genre_group
    songs: pa.Table
    # float32 [songs, features], standardised; genres are one-hot.
    features: Floats
    contexts: Contexts
    # int64 [songs]: how many users have the song, or how many reviews the artist.
    known: NDArray[np.int64]
    # Identity and size of the data, for run.json.
    facts: dict[str, int | str]


def load_corpus(folder: Path, contexts: ContextKind) -> Corpus:
    """Raises DataError where a table or a column is missing or too little occurs together to learn from."""
    if contexts == "reviews":
        return reviews_corpus(load_reviews(folder))
    return playlists_corpus(load_playlists(folder))


def playlists_corpus(data: Playlists) -> Corpus:
    """Songs that share playlists. Raises DataError where too few do."""
    data = data.played_songs()
    lengths = playlist_lengths(data.matrix)
    company = data.matrix[np.flatnonzero(lengths > 1)]
    users, songs = company.shape[0], int(np.count_nonzero(song_users(company)))
    if users < MIN_USERS or songs < MIN_SONGS:
        raise DataError(
            f"only {users} users have two songs or more, and {songs} songs are among them; song vectors need "
            f"{MIN_USERS} such users and {MIN_SONGS} such songs to learn and to measure: add plays"
        )
    listeners = song_users(data.matrix)
    facts: dict[str, int | str] = {
        "digest": data_digest(data),
        "users": data.matrix.shape[0],
        "songs": data.matrix.shape[1],
        "plays": int(data.matrix.nnz),
    }
    features = np.hstack([one_hot(data.songs["genre_group"]), standardised(np.log(listeners)[:, None])])
    return Corpus(data.songs, features.astype(np.float32), PlaylistContexts(data.matrix), listeners, facts)


def reviews_corpus(reviews: Reviews) -> Corpus:
    """Artists of one genre whose mean scores are close. Raises DataError where too few are."""
    graph = link_artists(reviews)
    linked = int(np.count_nonzero(playlist_lengths(graph)))
    if linked < MIN_SONGS:
        raise DataError(
            f"only {linked} of {len(reviews.artists)} artists share a genre and a close mean score with another; song "
            f"vectors need {MIN_SONGS} such artists: add reviews, or check the columns genre and score"
        )
    empty = pa.array([""] * len(reviews.artists), pa.string())
    genre = pa.array(reviews.genre, pa.string())
    songs = pa.table({"song_id": reviews.artists, "title": empty, "artist": reviews.artists, "genre_group": genre})
    facts: dict[str, int | str] = {
        "digest": reviews.digest,
        "reviews": int(reviews.reviews.sum()),
        "songs": len(reviews.artists),
        "pairs": int(graph.nnz // 2),
    }
    numbers = np.column_stack([reviews.score, reviews.audio])
    features = np.hstack([one_hot(songs["genre_group"]), standardised(numbers)]).astype(np.float32)
    return Corpus(songs, features, GraphContexts(graph), reviews.reviews, facts)


def one_hot(labels: pa.ChunkedArray) -> Floats:
    """float32 [rows, distinct labels]; rows whose label is empty are 0."""
    encoded = labels.combine_chunks().dictionary_encode()
    hot = np.zeros((len(labels), len(encoded.dictionary)), dtype=np.float32)
    hot[np.arange(len(labels)), encoded.indices.to_numpy()] = 1
    named = np.array([bool(name) for name in encoded.dictionary.to_pylist()], dtype=bool)
    chosen: Floats = hot[:, named]
    return chosen


def standardised(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean 0 and deviation 1 in every column; a column without spread is 0."""
    centred = values - values.mean(axis=0)
    deviation = centred.std(axis=0)
    scaled: NDArray[np.float64] = centred / np.where(deviation > 0, deviation, 1)
    return scaled
