"""The model that all contenders run: random weights, exported by the project's own export."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper

from tests.small_run import run_facts
from worker.inference.joined_model import HEADS, join_models

ROOT = Path(__file__).parents[2]
CLUSTERS = 20
SPREAD = 0.05
"""Of the random weights: small enough that probabilities are not all 0 or 1."""


@dataclass(frozen=True)
class Model:
    """A folder with a bundle, and with the same model in the forms in which the peers run it."""

    folder: Path
    units: int
    vocabulary: int

    @property
    def bundle(self) -> Path:
        return self.folder / "bundle"

    @property
    def merged(self) -> Path:
        """The bundle's three models as one: a peer that runs it on one event pays for one call, not for three."""
        return self.folder / "merged.onnx"

    @property
    def dense(self) -> Path:
        """The same on a dense multi-hot matrix."""
        return self.folder / "dense.onnx"


def make_model(cache: Path, units: int, vocabulary: int) -> Model:
    """The model of this size, made unless it is there."""
    model = Model(cache / f"model-{vocabulary}-{units}", units, vocabulary)
    if not model.dense.exists():
        _write_run(model.folder / "run", units, vocabulary)
        command = ["export", str(model.folder / "run"), "--out", str(model.bundle), "--name", "benchmark"]
        subprocess.run([sys.executable, "-m", *command], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        _write_merged(model)
        _write_dense(model)
    return model


def _write_run(folder: Path, units: int, songs: int) -> None:
    random = np.random.default_rng(0)
    folder.mkdir(parents=True, exist_ok=True)

    def weights(*shape: int) -> np.ndarray:
        return (SPREAD * random.standard_normal(shape)).astype(np.float32)

    arrays = {
        "table": weights(songs, units),
        "bias": weights(units),
        "gender_kernel_0": 20 * weights(units, 2),
        "gender_bias_0": weights(2),
        "centroids": weights(CLUSTERS, units),
    }
    np.savez(folder / "model.npz", **arrays)  # type: ignore[arg-type]
    ids = [f"song-{number}" for number in range(songs)]
    columns = {"song_id": ids, "title": ids, "artist": ids, "genre_group": [""] * songs, "users": [1] * songs}
    pq.write_table(pa.table(columns), folder / "songs.parquet")
    typical = [{"song_id": ids[0], "title": ids[0], "lift": 2.0}]
    clusters = [
        {"id": number, "name": f"Cluster {number}", "size": 1 / CLUSTERS, "songs": typical}
        for number in range(CLUSTERS)
    ]
    (folder / "clusters.json").write_text(json.dumps(clusters))
    (folder / "run.json").write_text(json.dumps(run_facts(songs, seed=0)))


def _write_merged(model: Model) -> None:
    model.merged.write_bytes(_with_heads(onnx.load(model.bundle / "encoder.onnx"), model.bundle))


def _write_dense(model: Model) -> None:
    """The model on playlists as rows of a matrix, float32 [B, V], as a plain Keras model has it.

    A playlist with n songs has 1/sqrt(n) in their columns.
    """
    weights = [numpy_helper.to_array(each) for each in onnx.load(model.bundle / "encoder.onnx").graph.initializer]
    table = next(each for each in weights if each.shape == (model.vocabulary, model.units))
    bias = next(each for each in weights if each.shape == (model.units,))
    nodes = [
        helper.make_node("MatMul", ["playlists", "table"], ["sums"]),
        helper.make_node("Add", ["sums", "bias"], ["shifted"]),
        helper.make_node("Relu", ["shifted"], ["code"]),
    ]
    graph = helper.make_graph(
        nodes,
        "dense",
        [helper.make_tensor_value_info("playlists", TensorProto.FLOAT, ["playlists", model.vocabulary])],
        [helper.make_tensor_value_info("code", TensorProto.FLOAT, ["playlists", model.units])],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(bias, "bias")],
    )
    source = onnx.load(model.bundle / "gender.onnx")
    encoder = helper.make_model(graph, opset_imports=source.opset_import, ir_version=source.ir_version)
    model.dense.write_bytes(_with_heads(encoder, model.bundle))


def _with_heads(encoder: onnx.ModelProto, bundle: Path) -> bytes:
    """Playlists to `gender` and `cluster` in one model."""
    return join_models({"encoder": encoder, **{head: onnx.load(bundle / f"{head}.onnx") for head in HEADS}})
