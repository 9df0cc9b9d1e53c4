"""From a run folder to labels, each step as the process that does it."""

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.small_run import write_small_run
from worker.contract.bundle import load_bundle

WITHOUT_TENSORFLOW = """
import sys
for name in ("tensorflow", "tf2onnx", "keras", "export", "training"):
    sys.modules[name] = None
from worker.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A bundle as large as a karaoke chain's, and how its export ended."""
    folder = tmp_path_factory.mktemp("export")
    write_small_run(folder / "run", songs=16_692, units=128, clusters=20)
    return folder / "bundle", run("-m", "export", str(folder / "run"), "--out", str(folder / "bundle"), "--name", "ktv")


def test_an_export_says_what_it_wrote_and_nothing_else(
    exported: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    bundle, done = exported

    assert done.returncode == 0, done.stderr
    assert f"{bundle}: ktv-2026.11.21-" in done.stdout
    assert "largest difference to TensorFlow in a probability" in done.stdout
    assert done.stderr == ""


def test_the_bundle_is_served_without_tensorflow(exported: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    bundle, _ = exported

    done = run("-c", WITHOUT_TENSORFLOW, "label", "--bundle", str(bundle), "Song 1", "song 2", "s3", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["known_songs"] == 3


def test_calibration_travels_in_the_bundle(exported: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """The temperature within the model, so that what is served is calibrated; the rule of abstention beside it."""
    bundle, folder = exported[0], exported[0].parent / "run"
    promised = json.loads((folder / "run.json").read_text("utf-8"))["calibration"]
    assert msgspec.structs.asdict(load_bundle(bundle).calibration) == {"genders": ["f", "m"], **promised}

    done = run("-m", "worker", "label", "--bundle", str(bundle), "s0", "s1", "s2", "--json")

    with np.load(folder / "model.npz") as model:
        code = np.maximum(model["table"][:3].sum(axis=0) / np.sqrt(3) + model["bias"], 0)
        hidden = np.maximum(code @ model["gender_kernel_0"] + model["gender_bias_0"], 0)
        logits = hidden @ model["gender_kernel_1"] + model["gender_bias_1"]
    served = json.loads(done.stdout)["genders"]
    expected = (logits[1] - logits[0]) / promised["temperature"]
    assert np.log(served["m"] / served["f"]) == pytest.approx(expected, rel=1e-3)


def test_the_same_run_becomes_the_same_model_again(
    exported: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    bundle, _ = exported

    done = run("-m", "export", str(bundle.parent / "run"), "--out", str(tmp_path / "again"), "--name", "ktv")

    assert done.returncode == 0, done.stderr
    for file in bundle.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name
