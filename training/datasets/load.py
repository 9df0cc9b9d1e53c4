"""Reading a data folder: plays, users and (optional) songs."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from training.datasets.playlists import (
    GENDERS,
    SONG_COLUMNS,
    UNKNOWN_GENDER,
    Merged,
    Playlists,
    binary_matrix,
    playlist_lengths,
)
from training.datasets.table_file import find_table, read_batches, require_table
from training.errors import DataError


def load_playlists(folder: Path) -> Playlists:
    """Read a data folder. Users without songs are left out and counted; repeated plays are merged and counted.

    Raises DataError where a table or column is missing, a table is empty, an id is missing, a gender is not one of
    m, f or empty, a user has two genders, or nobody has a song.
    """
    users, gender_of = _read_users(require_table(folder, "users"))
    player, song = _read_plays(require_table(folder, "plays"))
    user_ids, rows = _sorted_ids(pa.chunked_array([pc.unique(users), player.dictionary]), player)
    song_ids, columns = _sorted_ids(pa.chunked_array([song.dictionary]), song)
    matrix, duplicates = binary_matrix(rows, columns, (len(user_ids), len(song_ids)))
    listed = pc.index_in(user_ids, value_set=users).fill_null(-1).to_numpy(zero_copy_only=False)
    gender = np.where(listed >= 0, gender_of[listed], UNKNOWN_GENDER).astype(np.int8)
    playlists = Playlists(matrix, user_ids, gender, _read_songs(folder, song_ids))
    with_songs = np.flatnonzero(playlist_lengths(matrix))
    merged = Merged(duplicates, len(user_ids) - len(with_songs), int((listed < 0).sum()))
    kept = playlists.users(with_songs)
    return Playlists(kept.matrix, kept.user_ids, kept.gender, kept.songs, merged)


def _read_plays(path: Path) -> tuple[pa.DictionaryArray, pa.DictionaryArray]:
    """The two columns of plays, dictionary-encoded batch by batch so that no id is held as text twice."""
    users, songs = [], []
    for batch in read_batches(path, ("user_id", "song_id")):
        _refuse_missing(path, batch, ("user_id", "song_id"))
        users.append(batch.column(0).dictionary_encode())
        songs.append(batch.column(1).dictionary_encode())
    if not sum(len(chunk) for chunk in users):
        raise DataError(f"{path} has no rows: nobody has a song; add one row per user and song")
    return _one_dictionary(users), _one_dictionary(songs)


def _one_dictionary(chunks: list[pa.DictionaryArray]) -> pa.DictionaryArray:
    return pa.chunked_array(chunks).unify_dictionaries().combine_chunks()


def _refuse_missing(path: Path, batch: pa.RecordBatch, columns: tuple[str, ...]) -> None:
    for name in columns:
        missing = int(pc.sum(pc.equal(pc.binary_length(batch.column(name).fill_null("")), 0)).as_py() or 0)
        if missing:
            raise DataError(f"{path}: {missing} rows have no {name}; give every row one or leave those rows out")


def _sorted_ids(ids: pa.ChunkedArray, column: pa.DictionaryArray) -> tuple[pa.Array, NDArray[np.int32]]:
    """All distinct ids in byte order, and for each row of `column` the place of its id among them."""
    distinct = pc.unique(ids)
    ordered = distinct.take(pc.sort_indices(distinct))
    place = pc.index_in(column.dictionary, value_set=ordered).to_numpy(zero_copy_only=False)
    return ordered, place[column.indices.to_numpy(zero_copy_only=False)].astype(np.int32)


def _read_users(path: Path) -> tuple[pa.Array, NDArray[np.int8]]:
    """Distinct user ids and, for each, its gender's index."""
    batches = []
    for batch in read_batches(path, ("user_id", "gender")):
        _refuse_missing(path, batch, ("user_id",))
        batches.append(batch)
    table = pa.Table.from_batches(batches) if batches else None
    if table is None or not table.num_rows:
        raise DataError(f"{path} has no rows; add one row per user with its gender ({', '.join(GENDERS)} or empty)")
    table = table.set_column(1, "gender", table["gender"].fill_null(""))
    _refuse_other_genders(path, table["gender"])
    distinct = table.group_by(["user_id", "gender"]).aggregate([])
    users = distinct["user_id"].combine_chunks()
    if len(pc.unique(users)) != len(users):
        counts = pc.value_counts(users)
        twice = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
        raise DataError(f"{path}: {len(twice)} users have two genders, {twice[0].as_py()!r} first; keep one row each")
    codes = pc.index_in(distinct["gender"].combine_chunks(), value_set=pa.array(GENDERS)).fill_null(UNKNOWN_GENDER)
    return users, codes.to_numpy(zero_copy_only=False).astype(np.int8)


def _refuse_other_genders(path: Path, gender: pa.ChunkedArray) -> None:
    other = gender.filter(pc.invert(pc.is_in(gender, value_set=pa.array(["", *GENDERS]))))
    if len(other):
        values = ", ".join(map(repr, pc.unique(other).to_pylist()[:5]))
        raise DataError(
            f"{path}: {len(other)} rows have a gender other than {', '.join(GENDERS)} or empty ({values}); "
            "write them so, or leave the gender empty where it is none of these"
        )


def _read_songs(folder: Path, song_ids: pa.Array) -> pa.Table:
    """The table of songs in the order of `song_ids`; what the folder does not say is the empty string."""
    path = find_table(folder, "songs")
    batches = list(read_batches(path, ("song_id",), SONG_COLUMNS[1:])) if path else []
    table = pa.Table.from_batches(batches) if batches else pa.table({"song_id": pa.array([], pa.string())})
    row = pc.index_in(song_ids, value_set=table["song_id"].combine_chunks())
    empty = pa.array([""] * len(song_ids), pa.string())
    columns = {
        name: table[name].take(row).fill_null("") if name in table.column_names else empty for name in SONG_COLUMNS[1:]
    }
    return pa.table({"song_id": song_ids, **columns})
