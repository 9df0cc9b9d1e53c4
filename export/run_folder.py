"""The run folder that training writes: read, and checked for what belongs together."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar
from zipfile import BadZipFile

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from export.errors import ExportError
from worker.contract.bundle import ClusterProfile, SongList

T = TypeVar("T")
Matrix = NDArray[np.float32]


class Recipe(msgspec.Struct, frozen=True):
    name: str
    family: str = "playlists"


class Origin(msgspec.Struct, frozen=True):
    """The part of run.json that runs of every family have."""

    recipe: Recipe


class Data(msgspec.Struct, frozen=True):
    digest: str
    users: int
    songs: int
    plays: int


class ServingRule(msgspec.Struct, frozen=True):
    """How a code becomes of the sum of a playlist's rows, and clusters of a code."""

    exponent: float
    activation: Literal["relu", "linear", "sigmoid", "tanh"]
    cluster_alpha: Annotated[float, msgspec.Meta(gt=0)]
    cluster_scale: Annotated[float, msgspec.Meta(gt=0)]


class RunCalibration(msgspec.Struct, frozen=True):
    temperature: Annotated[float, msgspec.Meta(gt=0)]
    threshold: float
    precision: float
    coverage: float
    min_known_songs: int


class RunFacts(msgspec.Struct, frozen=True):
    """What export needs of run.json; training may write more."""

    format: Literal[1]
    recipe: Recipe
    seed: int
    created: Annotated[datetime, msgspec.Meta(tz=True)]
    data: Data
    genders: Annotated[list[str], msgspec.Meta(min_length=2)]
    serving: ServingRule
    calibration: RunCalibration
    figures: dict[str, object]
    distribution: dict[str, object]


class Weights(NamedTuple):
    table: Matrix
    """[V, D], one row per song."""
    bias: Matrix
    """[D]."""
    layers: list[tuple[Matrix, Matrix]]
    """Kernels [in, out] and biases [out] of the gender head, relu between them."""
    centroids: Matrix
    """[K, D]."""


class Run(NamedTuple):
    facts: RunFacts
    weights: Weights
    songs: SongList
    """In the order of the table's rows."""
    clusters: list[ClusterProfile]


def read_run(path: Path) -> Run:
    """The run in the folder `path`. Raises ExportError where a file is missing, or does not fit the others."""
    if not (path / "run.json").is_file():
        raise ExportError(f"{path}: no run.json there. Give a folder that `python -m training fit --out RUN` wrote.")
    recipe = _read_json(path / "run.json", Origin).recipe
    if recipe.family != "playlists":
        raise ExportError(
            f"{path} is a run of {recipe.name}, of the family {recipe.family}, which has no labels to serve. Give a "
            "run of a recipe that learns from playlists who the listeners are."
        )
    run = Run(
        _read_json(path / "run.json", RunFacts),
        _read_weights(path / "model.npz"),
        _read_songs(path / "songs.parquet"),
        _read_json(path / "clusters.json", list[ClusterProfile]),
    )
    _check_shapes(path, run)
    return run


def _damaged(path: Path, problem: object) -> ExportError:
    return ExportError(f"{path}: {problem}. Run `python -m training fit` again to write the run anew.")


def _read_json(path: Path, type_: type[T]) -> T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=type_)
    except (OSError, msgspec.DecodeError) as error:
        raise _damaged(path, error) from error


def _read_weights(path: Path) -> Weights:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            depth = sum(name.startswith("gender_kernel_") for name in arrays.files)
            layers = [(arrays[f"gender_kernel_{n}"], arrays[f"gender_bias_{n}"]) for n in range(depth)]
            weights = Weights(arrays["table"], arrays["bias"], layers, arrays["centroids"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise _damaged(path, f"the weights cannot be read ({error})") from error
    for array in (weights.table, weights.bias, weights.centroids, *(array for layer in layers for array in layer)):
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise _damaged(path, f"an array of type {array.dtype} and shape {array.shape} is not finite float32")
    return weights


def _read_songs(path: Path) -> SongList:
    try:
        table = pq.read_table(path, columns=["song_id", "title", "artist", "users"])
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path, error) from error
    if missing := {"song_id", "title", "artist", "users"} - set(table.column_names):
        raise _damaged(path, f"column {', '.join(sorted(missing))} is missing")
    columns = [table[name].to_pylist() for name in ("song_id", "title", "artist", "users")]
    return SongList(*columns)


def _check_shapes(path: Path, run: Run) -> None:
    weights = run.weights
    units = weights.table.shape[-1]
    songs, clusters, genders = len(run.songs.ids), len(run.clusters), len(run.facts.genders)
    widths = [units, *(bias.shape[0] for _, bias in weights.layers)]
    shapes = [
        ("table", weights.table.shape, (songs, units)),
        ("bias", weights.bias.shape, (units,)),
        ("centroids", weights.centroids.shape, (clusters, units)),
        ("the last gender bias", (widths[-1],), (genders,)),
        *(
            (f"gender_kernel_{number}", kernel.shape, (widths[number], widths[number + 1]))
            for number, (kernel, _) in enumerate(weights.layers)
        ),
    ]
    for name, found, expected in shapes:
        if found != expected or 0 in found:
            raise _damaged(path / "model.npz", f"{name} has shape {found}, expected {expected} from the run's files")
