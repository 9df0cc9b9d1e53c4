"""Listeners who are set aside: training never sees them, and their gender is only used to count what was right."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.datasets.checks import require_both_genders
from training.datasets.load import load_playlists
from training.datasets.playlists import GENDERS, Playlists
from training.datasets.split import hold_out

SHARE = 0.2
MOST_LISTENERS = 750
SEED = 1


@dataclass(frozen=True)
class Listener:
    user: str
    songs: tuple[str, ...]
    gender: str


@dataclass(frozen=True)
class HeldOut:
    """What the stream is to bring, and how many users are left for training."""

    listeners: tuple[Listener, ...]
    training_users: int
    # The song's id by its title; empty if the data has no titles.
    titles: dict[str, str]


def hold_out_listeners(data: Path, training: Path) -> HeldOut:
    """Write the data folder `training`: that of `data` without the listeners who are returned.

    Raises DataError if `data` cannot be read or has too few users of a gender.
    """
    playlists = load_playlists(data)
    require_both_genders(playlists)
    learn, held = hold_out(playlists.gender, min(SHARE, MOST_LISTENERS / len(playlists.labelled)), SEED)
    _write(training, playlists.users(learn))
    names = zip(playlists.songs["title"].to_pylist(), playlists.songs["song_id"].to_pylist(), strict=True)
    return HeldOut(_listeners(playlists.users(held)), len(learn), {title: song for title, song in names if title})


def _listeners(playlists: Playlists) -> tuple[Listener, ...]:
    songs = playlists.songs["song_id"].to_pylist()
    starts, columns = playlists.matrix.indptr, playlists.matrix.indices.tolist()
    return tuple(
        Listener(user, tuple(songs[column] for column in columns[start:stop]), GENDERS[gender])
        for user, start, stop, gender in zip(
            playlists.user_ids.to_pylist(), starts[:-1], starts[1:], playlists.gender, strict=True
        )
    )


def _write(folder: Path, playlists: Playlists) -> None:
    folder.mkdir(parents=True)
    rows, columns = playlists.matrix.nonzero()
    genders = np.array([*GENDERS, ""])  # an unknown gender is -1, the last one
    plays = {
        "user_id": playlists.user_ids.take(pa.array(rows)),
        "song_id": playlists.songs["song_id"].take(pa.array(columns)),
    }
    users = {"user_id": playlists.user_ids, "gender": genders[playlists.gender]}
    for name, table in {"plays": pa.table(plays), "users": pa.table(users), "songs": playlists.songs}.items():
        pq.write_table(table, folder / f"{name}.parquet")
