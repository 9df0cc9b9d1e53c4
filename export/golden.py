"""Golden cases: playlists with the probabilities that the source model gave them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from worker.contract.bundle import GoldenCase
from worker.contract.features import Features, build_features
from worker.contract.vocabulary import ROW_TYPE

if TYPE_CHECKING:
    from export.convert import ServingModel

Playlist = list[str]
_LENGTHS = (0, 1, 1, 1, 2, 2, 3, 4, 5, 7, 10, 15, 20, 22, 30, 50, 100, 300)


def golden_cases(source: "ServingModel", song_ids: Sequence[str], seed: int) -> list[GoldenCase]:
    """Twenty playlists from empty to long, one of unknown songs alone and one of both kinds."""
    random = np.random.default_rng(seed)
    playlists = [draw_playlist(song_ids, length, random) for length in _LENGTHS]
    playlists += [unknown_songs(3), [*draw_playlist(song_ids, 6, random), *unknown_songs(2)]]
    gender, cluster = source.label(source_features(playlists, song_ids))
    return [
        GoldenCase(playlist, gender[number].tolist(), cluster[number].tolist())
        for number, playlist in enumerate(playlists)
    ]


def draw_playlist(song_ids: Sequence[str], length: int, random: np.random.Generator) -> Playlist:
    """`length` different songs, or as many as there are."""
    rows = random.choice(len(song_ids), min(length, len(song_ids)), replace=False)
    return [song_ids[row] for row in rows]


def unknown_songs(count: int) -> Playlist:
    """Ids that no data has, as long as nobody sings them."""
    return [f"a song nobody trained on {number}" for number in range(count)]


def source_features(playlists: Sequence[Playlist], song_ids: Sequence[str]) -> Features:
    """Features in the run's own row order, made without hash or vocabulary: the bundle is held against them."""
    row_of = {song_id: row for row, song_id in enumerate(song_ids)}
    known = ([row_of[song_id] for song_id in playlist if song_id in row_of] for playlist in playlists)
    return build_features([np.array(rows, ROW_TYPE).tobytes() for rows in known])
