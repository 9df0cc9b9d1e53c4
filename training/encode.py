"""The codes of a data folder's users under a finished run, as features for other work."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from training.clusters import Clustering
from training.datasets.load import load_playlists
from training.datasets.playlists import Playlists, Sparse, playlist_lengths
from training.errors import RunError
from training.run_folder import read_serving, read_songs, read_summary
from training.serving import Serving

BATCH_USERS = 16_384
"""Users encoded and written at a time, so that memory stays bounded however many there are."""


def encode_folder(run: Path, data: Path, out: Path) -> str:
    """Encode the users of a data folder; returns what was written, in words."""
    playlists = load_playlists(data)
    width = encode_users(run, playlists, out)
    return f"{playlists.matrix.shape[0]:,} users, {width} columns each"


def encode_users(run: Path, data: Playlists, out: Path) -> int:
    """Write user_id, known_songs, cluster, its probability and code (list of float32) per user; returns a code's width.

    Songs that the run does not know count for nothing. Raises RunError where `run` is no run of a playlist model.
    """
    summary = read_summary(run)
    serving, clustering = read_serving(run, summary)
    matrix = align_songs(data, read_songs(run)["song_id"])
    width = int(serving.table.shape[1])
    schema = _schema(width)
    temporary = out.with_name(f".{out.name}.new")
    with pq.ParquetWriter(temporary, schema) as writer:
        for start in range(0, matrix.shape[0], BATCH_USERS):
            part = matrix[start : start + BATCH_USERS]
            writer.write_batch(_batch(serving, clustering, part, data.user_ids.slice(start, part.shape[0]), schema))
    temporary.replace(out)
    return width


def align_songs(data: Playlists, vocabulary: pa.ChunkedArray) -> Sparse:
    """The users' playlists with one column per song of the vocabulary, in its order.

    Raises RunError where the data has no song of it, which means that they do not belong together.
    """
    column = pc.index_in(data.songs["song_id"], value_set=vocabulary.combine_chunks())
    known = np.flatnonzero(column.is_valid().to_numpy())
    if not len(known):
        raise RunError("the run knows none of the songs of this data folder; use the data that it was trained on")
    chosen = data.matrix[:, known].tocoo()
    places = column.take(pa.array(known)).to_numpy()
    shape = (data.matrix.shape[0], len(vocabulary))
    return type(data.matrix)((chosen.data, (chosen.row, places[chosen.col])), shape=shape)


def _schema(width: int) -> pa.Schema:
    return pa.schema(
        [
            ("user_id", pa.string()),
            ("known_songs", pa.int32()),
            ("cluster", pa.int32()),
            ("probability", pa.float64()),
            ("code", pa.list_(pa.float32(), width)),
        ]
    )


def _batch(
    serving: Serving, clustering: Clustering, matrix: Sparse, user_ids: pa.Array, schema: pa.Schema
) -> pa.RecordBatch:
    codes = serving.codes(matrix)
    memberships = clustering.memberships(codes)
    columns = [
        user_ids,
        pa.array(playlist_lengths(matrix).astype(np.int32)),
        pa.array(memberships.argmax(axis=1).astype(np.int32)),
        pa.array(memberships.max(axis=1)),
        pa.FixedSizeListArray.from_arrays(pa.array(codes.ravel()), codes.shape[1]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
