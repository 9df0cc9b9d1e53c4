"""The run folder of song vectors: what a fit leaves behind for similar, report and encode."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from training.errors import RunError
from training.families import require_family
from training.run_folder import new_folder, read_list, read_songs, read_summary, write_json
from training.serving import Floats
from training.watch import Figures


@dataclass(frozen=True)
class VectorRun:
    """Fitted song vectors with everything that is known about them."""

    # run.json
    summary: dict[str, Any]
    # float32 [songs, units]; zeros for a song about which nothing was learnt.
    vectors: Floats
    # song_id, title, artist, genre_group, known, cluster, map_x, map_y: one row per vector; NaN off the map.
    songs: pa.Table
    # name, known, cluster, map_x, map_y: the places of the best known names on a map of their own.
    names: pa.Table
    history: list[Figures]


def write_vector_run(path: Path, run: VectorRun) -> None:
    """Write the whole folder. Raises RunError where there is one already."""
    with new_folder(path) as folder:
        write_json(folder / "run.json", run.summary)
        write_json(folder / "history.json", run.history)
        np.save(folder / "vectors.npy", np.ascontiguousarray(run.vectors, dtype=np.float32))
        pq.write_table(run.songs, folder / "songs.parquet")
        pq.write_table(run.names, folder / "names.parquet")


def read_vector_run(path: Path) -> VectorRun:
    """Raises RunError where the folder is no complete run of this family."""
    summary = read_summary(path)
    require_family(path, summary, "song_vectors")
    songs = read_songs(path)
    try:
        vectors: NDArray[np.float32] = np.load(path / "vectors.npy", allow_pickle=False)
        names = pq.read_table(path / "names.parquet")
    except (OSError, ValueError, pa.ArrowException) as error:
        raise RunError(f"{path} cannot be read ({error}); fit the run again") from error
    if vectors.ndim != 2 or len(vectors) != len(songs):
        raise RunError(f"{path}: vectors.npy and songs.parquet do not belong together; fit the run again")
    history: list[Figures] = read_list(path, "history.json")
    return VectorRun(summary, vectors, songs, names, history)
