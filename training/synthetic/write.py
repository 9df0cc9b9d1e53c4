"""Writing a synthetic data folder."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from training.datasets.playlists import GENDERS
from training.errors import TrainingError
from training.synthetic.audience import Audience, draw_plays, make_audience
from training.synthetic.catalogue import Catalogue, make_catalogue
from training.synthetic.settings import CLUSTER_NAMES, SyntheticSettings


def write_synthetic(folder: Path, settings: SyntheticSettings) -> int:
    """Write plays, users, songs and the planted truth as parquet files; returns the number of plays.

    Users' ids tell nothing, and the truth is in tables of its own that training does not read. Raises TrainingError
    for a folder that holds something already.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise TrainingError(f"{folder} is not an empty folder; give another, or empty it first")
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(settings.seed)
    songs, users = make_catalogue(settings, rng), make_audience(settings, rng)
    user, song = draw_plays(settings, songs, users, rng)
    told = np.where(rng.random(settings.users) < settings.unknown_share, "", np.array(GENDERS)[users.gender])
    tables = {
        "plays": {"user_id": _taken(users.user_ids, user), "song_id": _taken(songs.song_ids, song)},
        "users": {"user_id": users.user_ids, "gender": told},
        "songs": _song_columns(songs),
        "truth_users": _user_truth(users),
        "truth_songs": _song_truth(songs),
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), folder / f"{name}.parquet")
    return len(user)


def _taken(ids: list[str], rows: NDArray[np.intp]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(rows, pa.int32()), pa.array(ids)).cast(pa.string())


def _song_columns(songs: Catalogue) -> dict[str, object]:
    genre = np.array(CLUSTER_NAMES)[songs.cluster]
    return {"song_id": songs.song_ids, "title": songs.titles, "artist": songs.artists, "genre_group": genre}


def _user_truth(users: Audience) -> dict[str, object]:
    genders = np.array(GENDERS)
    return {
        "user_id": users.user_ids,
        "gender": genders[users.gender],
        "taste": genders[users.taste],
        "cluster": np.array(CLUSTER_NAMES)[users.cluster],
    }


def _song_truth(songs: Catalogue) -> dict[str, object]:
    return {
        "song_id": songs.song_ids,
        "cluster": np.array(CLUSTER_NAMES)[songs.cluster],
        "skew": songs.skew,
        "popularity": songs.popularity,
    }
