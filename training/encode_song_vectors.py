"""The vectors of a run as features for other work."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from training.errors import RunError
from training.song_vectors.run_files import read_vector_run


def encode_folder(run: Path, data: Path | None, out: Path) -> str:
    """Write song_id, title, artist, cluster and vector (list of float32) per song; returns what was written, in words.

    Raises RunError for a run of another family, or where data are given: vectors are of the songs of the run.
    """
    found = read_vector_run(run)
    if data is not None:
        raise RunError(
            f"{run} holds one vector per song that it learnt from, and encodes nothing else; leave out --data"
        )
    songs, width = found.vectors.shape
    values = pa.FixedSizeListArray.from_arrays(pa.array(found.vectors.ravel()), width)
    table = found.songs.select(["song_id", "title", "artist", "cluster"]).append_column("vector", values)
    temporary = out.with_name(f".{out.name}.new")
    pq.write_table(table, temporary)
    temporary.replace(out)
    return f"{songs:,} songs, {width} columns each"
