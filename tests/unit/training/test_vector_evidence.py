"""What the page about song vectors reads off them, worked out by hand."""

import numpy as np
import pyarrow as pa

from training.report.vector_evidence import _describe, _neighbours
from training.song_vectors.lookup import SongLookup
from training.song_vectors.neighbours import unit_length
from training.song_vectors.run_files import VectorRun

ANGLES = np.radians([0, 10, 25, 90, 100, 80])
VECTORS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1).astype(np.float32)
SONGS = pa.table(
    {
        "song_id": list("abcdef"),
        "title": [""] * 6,
        "artist": [""] * 6,
        "genre_group": ["rock", "rock", "pop", "jazz", "", ""],
        "known": [6, 5, 4, 3, 2, 1],
        "cluster": [0, 0, 0, 1, 1, 1],
    }
)


def test_the_nearest_are_listed_nearest_first_beside_the_best_known() -> None:
    listed = _neighbours(unit_length(VECTORS), SONGS["known"].to_numpy(), SongLookup(SONGS))
    assert [song for song, _ in listed] == list("abcdef")
    assert dict(listed)["a"][:5] == list("bcfde")
    assert dict(listed)["d"][:2] in (list("ef"), list("fe"))


def test_a_cluster_is_told_by_its_size_its_genre_and_the_songs_at_its_middle() -> None:
    run = VectorRun({}, VECTORS, SONGS, pa.table({}), [])
    first = _describe(0, run, unit_length(VECTORS), SongLookup(SONGS))
    assert (first.number, first.size, first.genre, first.songs) == (0, 0.5, "rock (67%)", list("bac"))
