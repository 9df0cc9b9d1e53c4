"""The run folder of the family `images`: what a fit leaves behind for report and encode."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from training.clusters import Clustering
from training.errors import RunError
from training.models.deep_clustering.interface import ImageEncoder
from training.recipe import restore_recipe
from training.run_folder import new_folder, read_summary, write_json
from training.serving import Floats
from training.watch import Figures

CENTROIDS = "centroids"


@dataclass(frozen=True)
class ImageRun:
    """A fitted clustering of images with everything that is known about it."""

    # run.json
    summary: dict[str, Any]
    # The weights by name, and the centroids.
    arrays: Mapping[str, Floats]
    # Per cluster: id, label, size.
    clusters: list[dict[str, Any]]
    history: list[Figures]
    # One row per image: image, label, cluster, probability, error, map_x, map_y.
    predictions: pa.Table
    # Images to look at: `typical` [clusters, examples, ...] and `strange` [examples, ...].
    examples: Mapping[str, Floats]


def write_image_run(path: Path, run: ImageRun) -> None:
    """Write the whole folder."""
    with new_folder(path) as folder:
        write_json(folder / "run.json", run.summary)
        write_json(folder / "clusters.json", run.clusters)
        write_json(folder / "history.json", run.history)
        np.savez(folder / "model.npz", **_float32(run.arrays))
        np.savez_compressed(folder / "examples.npz", **_float32(run.examples))
        pq.write_table(run.predictions, folder / "predictions.parquet")


def read_encoder(path: Path) -> tuple[ImageEncoder, Clustering, dict[str, Any]]:
    """The model, its clusters and run.json. Raises RunError where `path` is no complete run of images."""
    summary = read_summary(path)
    arrays = read_arrays(path, "model.npz")
    recipe = restore_recipe(summary["recipe"])
    shape = tuple(summary["data"]["shape"])
    soft = summary["clustering"]
    try:
        clustering = Clustering(arrays.pop(CENTROIDS), soft["alpha"], soft["scale"])
        return recipe.parameters.restore(shape, arrays), clustering, summary
    except (KeyError, ValueError) as error:
        raise RunError(f"{path / 'model.npz'} does not fit run.json ({error}); fit the run again") from error


def read_arrays(path: Path, name: str) -> dict[str, Any]:
    """The arrays of model.npz or examples.npz. Raises RunError where the file is missing or damaged."""
    try:
        with np.load(path / name, allow_pickle=False) as arrays:
            return dict(arrays)
    except (OSError, ValueError) as error:
        raise RunError(f"{path / name} cannot be read ({error}); fit the run again") from error


def _float32(arrays: Mapping[str, Floats]) -> dict[str, Any]:
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in arrays.items()}
