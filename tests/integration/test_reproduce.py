"""The quick form of `make reproduce`: everything that it will run for hours runs, on small data."""

import json
from pathlib import Path

import pytest

from training.reproduce import main
from training.reproduction import steps
from training.synthetic.settings import SyntheticSettings
from training.synthetic.write import write_synthetic


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reproduce") / "small"
    write_synthetic(folder, SyntheticSettings(users=300, songs=150, gender_skew=1.2))
    return folder


def test_compares_recipes(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The linear recipes; every network is trained in the tests of the models."""
    monkeypatch.setattr(steps, "NETWORKS", ("joint",))
    monkeypatch.setattr(steps, "LINEAR", ("truncated_svd",))
    monkeypatch.setattr(steps, "BASELINES", ("logistic_length",))
    command = ["--quick", "--only", "recipes", "--data", str(data), "--out", str(tmp_path)]
    assert main(command) == 0
    results = json.loads((tmp_path / "compare-small.json").read_text("utf-8"))
    folds = {name: len(stored["folds"]) for name, stored in results["recipes"].items()}
    assert folds == {"songprint": 2, "logistic_length": 2, "truncated_svd": 2, "joint": 1}
    assert "| songprint" in (tmp_path / "compare-small.md").read_text("utf-8")


def test_measures_sizes(tmp_path: Path) -> None:
    assert main(["--quick", "--only", "sizes", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    row = (tmp_path / "out" / "sizes.md").read_text("utf-8").splitlines()[-1]
    cells = [float(cell.replace(",", "")) for cell in row.strip("| ").split("|")]
    assert cells[:2] == [500, 500]
    assert min(cells[2:]) > 0
    assert cells[3] > 50, "TensorFlow alone takes more memory than that"


def test_compares_recipes_for_images(tmp_path: Path) -> None:
    assert main(["--quick", "--only", "images", "--data", str(tmp_path), "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "images.json").read_text("utf-8"))["recipes"]
    assert {name.split(":")[0] for name in results} == set(steps.IMAGE_RECIPES)
    for name, stored in results.items():
        assert [fold["seed"] for fold in stored["folds"]] == [0, 1]
        assert sum(fold["accuracy"] for fold in stored["folds"]) / 2 > 0.35, f"{name} is no better than chance"
    table = (tmp_path / "images.md").read_text("utf-8")
    assert all(f"| {name} " in table for name in results)


def test_compares_ways_to_cluster_tastes(tmp_path: Path) -> None:
    assert main(["--quick", "--only", "taste", "--data", str(tmp_path), "--out", str(tmp_path)]) == 0
    methods = json.loads((tmp_path / "taste-planted.json").read_text("utf-8"))["methods"]
    assert set(methods) == {"kmeans", "spherical_kmeans", "gaussian_mixture", "dec", "idec"}
    assert all(max(one["truth"]) > 0.2 for one in methods.values()), "nothing of the planted tastes was found"
    table = (tmp_path / "taste-planted.md").read_text("utf-8")
    assert all(f"| {name} " in table for name in methods)


def test_a_failed_step_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--only", "recipes", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "has no table 'users'" in capfd.readouterr().err
