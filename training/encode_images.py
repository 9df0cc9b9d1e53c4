"""The codes of a data folder's images under a finished run, as features for other work."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from training.clusters import Clustering
from training.datasets.images import scale, unscale
from training.datasets.load_images import read_values
from training.errors import DataError
from training.image_run import read_encoder
from training.models.deep_clustering.interface import ImageEncoder
from training.serving import Floats

BATCH_IMAGES = 16_384
"""Images encoded and written at a time."""


def encode_folder(run: Path, data: Path, out: Path, reconstructions: Path | None = None) -> str:
    """Write image, cluster, probability, error (the anomaly score) and code (list of float32) per image.

    `reconstructions` is a file for what the model makes of them: float32 [images, *shape], in the units of the data.
    Returns what was written, in words. Raises DataError where the images have another shape than those of the run.
    """
    encoder, clustering, summary = read_encoder(run)
    values, shape = read_values(data), tuple(summary["data"]["shape"])
    if values.shape[1:] != shape:
        theirs, ours = (" x ".join(map(str, one)) for one in (values.shape[1:], shape))
        raise DataError(f"the images of {data} are {theirs}, and those of the run are {ours}; bring them to that size")
    low, high = summary["data"]["span"]
    if reconstructions is not None:
        _write_reconstructions(encoder, values, (low, high), reconstructions)
    schema = _schema(clustering.centroids.shape[1])
    temporary = out.with_name(f".{out.name}.new")
    with pq.ParquetWriter(temporary, schema) as writer:
        for start in range(0, len(values), BATCH_IMAGES):
            part = scale(values[start : start + BATCH_IMAGES], (low, high))
            writer.write_table(_table(encoder, clustering, part, start, schema))
    temporary.replace(out)
    return f"{len(values):,} images, {clustering.centroids.shape[1]} columns each"


def _write_reconstructions(encoder: ImageEncoder, values: NDArray[Any], span: tuple[float, float], out: Path) -> None:
    """A .npy file, filled part by part where it lies."""
    temporary = out.with_name(f".{out.name}.new")
    made = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=values.shape)
    for start in range(0, len(values), BATCH_IMAGES):
        part = slice(start, start + BATCH_IMAGES)
        made[part] = unscale(encoder.reconstruct(scale(values[part], span)), span)
    made.flush()
    temporary.replace(out)


def _schema(units: int) -> pa.Schema:
    return pa.schema(
        [
            ("image", pa.int64()),
            ("cluster", pa.int32()),
            ("probability", pa.float64()),
            ("error", pa.float64()),
            ("code", pa.list_(pa.float32(), units)),
        ]
    )


def _table(encoder: ImageEncoder, clustering: Clustering, images: Floats, start: int, schema: pa.Schema) -> pa.Table:
    codes = encoder.codes(images)
    memberships = clustering.memberships(codes)
    columns = [
        np.arange(start, start + len(images)),
        memberships.argmax(axis=1).astype(np.int32),
        memberships.max(axis=1),
        encoder.errors(images),
        pa.FixedSizeListArray.from_arrays(pa.array(codes.ravel()), codes.shape[1]),
    ]
    return pa.Table.from_arrays([pa.array(column) for column in columns], schema=schema)
