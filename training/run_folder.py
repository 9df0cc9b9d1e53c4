"""The run folder: what a fit leaves behind for export, report and encode."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.clusters import Clustering
from training.errors import RunError
from training.serving import Layer, Serving
from training.typical_songs import ClusterProfile
from training.watch import Figures

FORMAT = 1
_PACKAGES = ("songprint", "tensorflow", "keras", "numpy", "scipy", "scikit-learn", "pyarrow")


@dataclass(frozen=True)
class Run:
    """A fitted playlist model with everything that is known about it."""

    # run.json
    summary: dict[str, Any]
    serving: Serving
    clustering: Clustering
    # song_id, title, artist, genre_group, users: one row per row of the table
    songs: pa.Table
    clusters: list[ClusterProfile]
    history: list[Figures]
    # One row per held-out user.
    predictions: pa.Table


def package_versions() -> dict[str, str]:
    """What the run was made with."""
    found = {"python": python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            # `tensorflow` is installed as tensorflow-cpu on some platforms, and the project itself may run uninstalled.
            continue
    return found


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder that becomes `path` when all went well, so that nobody reads half of one.

    Raises RunError where `path` is there already and holds something.
    """
    refuse_existing(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_existing(path: Path) -> None:
    """Raises RunError unless a run can be written to `path`. Asked before the training, not after it."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path} is there already; give another --out, or remove it first")


def write_run(path: Path, run: Run) -> None:
    """Write the whole folder."""
    with new_folder(path) as folder:
        write_json(folder / "run.json", run.summary)
        write_json(folder / "clusters.json", [asdict(profile) for profile in run.clusters])
        write_json(folder / "history.json", run.history)
        np.savez(folder / "model.npz", **_arrays(run))
        pq.write_table(run.songs, folder / "songs.parquet")
        pq.write_table(run.predictions, folder / "predictions.parquet")


def write_json(path: Path, value: object) -> None:
    """Text for people and programs; refuses numbers that JSON does not know."""
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1, allow_nan=False) + "\n", "utf-8")


def _arrays(run: Run) -> dict[str, Any]:
    arrays = {"table": run.serving.table, "bias": run.serving.bias, "centroids": run.clustering.centroids}
    for number, layer in enumerate(run.serving.head):
        arrays[f"gender_kernel_{number}"] = layer.kernel
        arrays[f"gender_bias_{number}"] = layer.bias
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}


def read_summary(path: Path) -> dict[str, Any]:
    """run.json. Raises RunError where the folder is no run or of another format."""
    try:
        summary: dict[str, Any] = json.loads((path / "run.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is not a run folder: run.json cannot be read ({error}); make one with fit") from error
    if summary.get("format") != FORMAT:
        raise RunError(f"{path} is a run of format {summary.get('format')}, this version reads {FORMAT}; fit it again")
    return summary


def read_songs(path: Path) -> pa.Table:
    """songs.parquet: one row per row of the table. Raises RunError where it is missing or damaged."""
    return _read_table(path / "songs.parquet")


def read_predictions(path: Path) -> pa.Table:
    """predictions.parquet. Raises RunError where it is missing or damaged."""
    return _read_table(path / "predictions.parquet")


def read_list(path: Path, name: str) -> list[dict[str, Any]]:
    """clusters.json or history.json. Raises RunError where it is missing or damaged."""
    try:
        values: list[dict[str, Any]] = json.loads((path / name).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path / name} cannot be read ({error}); fit the run again") from error
    return values


def _read_table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise RunError(f"{path} cannot be read ({error}); fit the run again") from error


def read_serving(path: Path, summary: dict[str, Any]) -> tuple[Serving, Clustering]:
    """The arrays of a run. Raises RunError where model.npz is missing or damaged."""
    served = summary["serving"]
    try:
        with np.load(path / "model.npz", allow_pickle=False) as arrays:
            layers = sum(name.startswith("gender_kernel_") for name in arrays)
            head = tuple(Layer(arrays[f"gender_kernel_{n}"], arrays[f"gender_bias_{n}"]) for n in range(layers))
            serving = Serving(arrays["table"], arrays["bias"], served["exponent"], served["activation"], head)
            clustering = Clustering(arrays["centroids"], served["cluster_alpha"], served["cluster_scale"])
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{path / 'model.npz'} cannot be read ({error}); fit the run again") from error
    return serving, clustering
