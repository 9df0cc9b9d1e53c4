"""The commands of training on a folder of images, one after the other, as somebody would type them."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from export.__main__ import main as export
from training.__main__ import main
from training.datasets.load_images import load_images
from training.models.deep_clustering.straightened import straighten
from training.synthetic.shapes import SHAPES, write_shapes

QUICK = [
    "clusters=4",
    "widths=[64]",
    "batch=50",
    "pretrain_epochs=15",
    "pretrain_optimizer=adam",
    "pretrain_rate=0.002",
    "iterations=120",
    "refresh=20",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder `data` of drawings and a run `run`."""
    folder = tmp_path_factory.mktemp("images")
    write_shapes(folder / "data", 250)
    parameters = [argument for pair in QUICK for argument in ("--set", pair)]
    command = ["fit", "--data", str(folder / "data"), "--recipe", "dec_da", "--out", str(folder / "run"), *parameters]
    assert main(command) == 0
    return folder


def test_run_folder_describes_the_clusters(folder: Path) -> None:
    run = folder / "run"
    summary = json.loads((run / "run.json").read_text("utf-8"))
    assert summary["recipe"]["family"] == "images"
    assert summary["data"]["shape"] == [16, 16]
    assert summary["data"]["labels"] == list(SHAPES)
    figures = summary["figures"]
    assert figures["accuracy"] > 0.7
    assert 0.5 < figures["start_accuracy"] <= 1
    assert np.sum(figures["confusion"]) == 250
    clusters = json.loads((run / "clusters.json").read_text("utf-8"))
    assert {cluster["label"] for cluster in clusters} == set(SHAPES)
    assert sum(cluster["size"] for cluster in clusters) == pytest.approx(1)
    images = pq.read_table(run / "predictions.parquet").to_pydict()
    label_of = {cluster["id"]: cluster["label"] for cluster in clusters}
    right = [label_of[found] == label for found, label in zip(images["cluster"], images["label"], strict=True)]
    assert np.mean(right) == pytest.approx(figures["accuracy"])


def test_codes_are_features_with_clusters_and_anomaly_scores(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On half of the images; the others do not matter to them. What is made of them is upright, as they are seen."""
    monkeypatch.setattr("training.encode_images.BATCH_IMAGES", 50)
    half = tmp_path / "half"
    half.mkdir()
    np.save(half / "x.npy", np.load(folder / "data" / "x.npy")[125:])
    command = ["encode", str(folder / "run"), "--data", str(half), "--out", str(tmp_path / "c.parquet")]
    assert main([*command, "--reconstructions", str(tmp_path / "made.npy")]) == 0
    codes, run = pq.read_table(tmp_path / "c.parquet"), pq.read_table(folder / "run" / "predictions.parquet")
    assert np.array(codes["code"].to_pylist()).shape == (125, 10)
    assert codes["image"].to_pylist() == list(range(125))
    for name in ("cluster", "probability", "error"):
        assert codes[name].to_pylist() == pytest.approx(run[name].to_pylist()[125:], rel=1e-3)
    made, seen = np.load(tmp_path / "made.npy"), straighten(np.load(half / "x.npy").astype(np.float32) / 255)
    assert (made.dtype, made.shape) == (np.float32, (125, 16, 16))
    apart, error = ((made / 255 - seen) ** 2).mean(axis=(1, 2)), codes["error"].to_numpy()
    # What is darker than black is cut off, which cannot make it worse.
    assert (apart <= error + 1e-6).all()
    assert apart.mean() > 0.5 * error.mean()


@pytest.mark.parametrize("recipe", ["image_kmeans", "image_autoencoder", "image_vae"])
def test_codes_of_any_recipe_are_as_sure_of_their_clusters_as_the_run_was(
    recipe: str, folder: Path, tmp_path: Path
) -> None:
    """Whose clusters are softer or harder than those of deep clustering."""
    data, run, out = folder / "data", tmp_path / "run", tmp_path / "codes.parquet"
    brief = [] if recipe == "image_kmeans" else ["--set", "epochs=2"]
    fit = ["fit", "--data", str(data), "--recipe", recipe, "--set", "clusters=4", *brief, "--out", str(run)]
    assert main(fit) == main(["encode", str(run), "--data", str(data), "--out", str(out)]) == 0
    codes, seen = pq.read_table(out), pq.read_table(run / "predictions.parquet")
    for name in ("cluster", "probability", "error"):
        assert codes[name].to_pylist() == pytest.approx(seen[name].to_pylist(), rel=1e-3)


def test_evaluates_over_seeds_and_goes_on(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "figures.json"
    command = ["evaluate", "--data", str(folder / "data"), "--out", str(figures), "--recipe"]
    assert main([*command, "image_kmeans:clusters=4", "--seeds", "1"]) == 0
    first = json.loads(figures.read_text("utf-8"))["recipes"]["image_kmeans:clusters=4"]["folds"]
    assert main([*command, "image_kmeans:clusters=4", "image_vae:clusters=4,epochs=3", "--seeds", "3"]) == 0
    results = json.loads(figures.read_text("utf-8"))
    folds = results["recipes"]["image_kmeans:clusters=4"]["folds"]
    assert folds[0] == first[0], "what was measured is not measured again"
    assert [fold["seed"] for fold in folds] == [0, 1, 2]
    assert min(fold["seconds"] for fold in folds) > 0
    accuracies = [fold["accuracy"] for fold in folds]
    table = capsys.readouterr().out
    assert table.count("fewer than five seeds") == 2
    assert f"{np.mean(accuracies):.4f} ± {np.std(accuracies, ddof=1):.4f} | {min(accuracies):.4f}" in table
    page = tmp_path / "page.html"
    assert main(["report", str(folder / "run"), "--out", str(page), "--evaluation", str(figures)]) == 0
    text = page.read_text("utf-8")
    assert text.count("<svg") == 6 + len(SHAPES) + 1
    assert "image_vae:clusters=4,epochs=3" in text
    assert "fewer than five seeds" in text
    assert not any(mark in text for mark in ("<script", "<link", 'src="http', "@import"))


def test_labels_are_not_needed(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "data").mkdir()
    np.save(tmp_path / "data" / "x.npy", np.load(folder / "data" / "x.npy"))
    data, run = str(tmp_path / "data"), str(tmp_path / "run")
    assert main(["fit", "--data", data, "--recipe", "image_kmeans", "--set", "clusters=4", "--out", run]) == 0
    assert "no labels to compare with" in " ".join(capsys.readouterr().err.split())
    assert main(["report", run, "--out", str(tmp_path / "page.html")]) == 0
    command = ["evaluate", "--data", data, "--out", str(tmp_path / "e.json"), "--recipe", "image_kmeans:clusters=4"]
    assert main([*command, "--seeds", "1"]) == 0
    assert "silhouette" in capsys.readouterr().out


def test_mnist_is_read_as_it_comes() -> None:
    folder = Path(__file__).parents[2] / "../shared/data/mnist-t10k"
    if not folder.is_dir():
        pytest.skip("../shared/data/mnist-t10k is not there")
    images = load_images(folder)
    assert images.values.shape == (10_000, 28, 28)
    assert images.truth is not None
    assert images.truth.names == tuple("0123456789")


def test_other_sizes_and_other_families_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "x.npy", np.zeros((20, 9, 9), np.uint8))
    data, run, out = str(tmp_path), str(folder / "run"), str(tmp_path / "out")
    for command, says in (
        (["encode", run, "--data", data, "--out", out], "are 9 x 9, and those of the run are 16 x 16"),
        (["evaluate", "--data", data, "--recipe", "dec", "joint", "--out", out], "joint learns from playlists"),
        (["evaluate", "--data", data, "--recipe", "dec", "--out", out], "10 clusters cannot be made of 1 different"),
        (["fit", "--data", data, "--recipe", "dec", "--set", "clusters=21", "--out", out], "be made of 20 images"),
        (["cluster", run, "--data", data, "--out", out], "of the family images, where one of the family playlists"),
    ):
        assert main(command) == 1
        assert says in " ".join(capsys.readouterr().err.split())
    assert {path.name for path in tmp_path.iterdir()} == {"x.npy"}, "something was left behind"


def test_only_playlist_runs_can_be_exported(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export([str(folder / "run"), "--out", str(tmp_path / "bundle")]) == 1
    assert "images" in capsys.readouterr().err
