"""A run folder is read whole, or refused with the name of the file that is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from export.errors import ExportError
from export.run_folder import read_run
from tests.small_run import write_small_run


@pytest.fixture
def run_path(tmp_path: Path) -> Path:
    return write_small_run(tmp_path / "run")


def test_a_run_is_read(run_path: Path) -> None:
    run = read_run(run_path)

    assert run.facts.recipe.name == "joint"
    assert run.facts.genders == ["f", "m"]
    assert run.weights.table.shape == (200, 8)
    assert [kernel.shape for kernel, _ in run.weights.layers] == [(8, 4), (4, 2)]
    assert run.songs.ids[7] == "s7"
    assert run.songs.titles[7] == "Song 7"
    assert run.clusters[2].name == "Cluster 2"


def test_a_folder_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"no run.json there. Give a folder"):
        read_run(tmp_path)


@pytest.mark.parametrize("name", ["model.npz", "songs.parquet", "clusters.json"])
@pytest.mark.parametrize("content", [None, b"", b"damaged"])
def test_a_missing_or_damaged_file_is_named(run_path: Path, name: str, content: bytes | None) -> None:
    (run_path / name).unlink()
    if content is not None:
        (run_path / name).write_bytes(content)

    with pytest.raises(ExportError, match=f"{name}: .*Run `python -m training fit` again"):
        read_run(run_path)


FACTS: dict[str, tuple[Callable[[Any], object], str]] = {
    "another family": (lambda f: f["recipe"].update(family="song_vectors"), "family song_vectors, which has no labels"),
    "another format": (lambda f: f.update(format=2), "format"),
    "unknown activation": (lambda f: f["serving"].update(activation="gelu"), "activation"),
    "no temperature": (lambda f: f["calibration"].pop("temperature"), "temperature"),
    "one gender": (lambda f: f.update(genders=["f"]), "genders"),
    "three genders": (lambda f: f["genders"].append("x"), r"last gender bias has shape \(2,\), expected \(3,\)"),
}


@pytest.mark.parametrize(("edit", "message"), FACTS.values(), ids=FACTS.keys())
def test_wrong_facts_are_named(run_path: Path, edit: Callable[[Any], object], message: str) -> None:
    facts = json.loads((run_path / "run.json").read_text())
    edit(facts)
    (run_path / "run.json").write_text(json.dumps(facts))

    with pytest.raises(ExportError, match=message):
        read_run(run_path)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("table", np.zeros((199, 8), np.float32), r"table has shape \(199, 8\), expected \(200, 8\)"),
        ("bias", np.zeros(7, np.float32), r"bias has shape \(7,\)"),
        ("centroids", np.zeros((2, 8), np.float32), r"centroids has shape \(2, 8\), expected \(3, 8\)"),
        ("gender_kernel_1", np.zeros((5, 2), np.float32), r"gender_kernel_1 has shape \(5, 2\), expected \(4, 2\)"),
        ("table", np.zeros((200, 8)), "float64"),
        ("bias", np.full(8, np.nan, np.float32), "not finite"),
    ],
)
def test_wrong_weights_are_named(run_path: Path, name: str, array: np.ndarray, message: str) -> None:
    with np.load(run_path / "model.npz") as arrays:
        changed = {**arrays, name: array}
    np.savez(run_path / "model.npz", **changed)

    with pytest.raises(ExportError, match=f"model.npz: .*{message}"):
        read_run(run_path)


def test_a_missing_column_is_named(run_path: Path) -> None:
    table = pq.read_table(run_path / "songs.parquet").drop_columns("users")
    pq.write_table(table, run_path / "songs.parquet")

    with pytest.raises(ExportError, match=r"songs.parquet: .*users"):
        read_run(run_path)
