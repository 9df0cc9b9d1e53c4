"""The docs' lines for Docker, typed as they stand there where an engine answers: images are built, Compose works."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from tests.deploy.docker_engine import ROOT, need_engine, need_images, type_line
from tests.stream import eventually

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMPOSE = ROOT / "deploy" / "compose" / "compose.yaml"
FILES = sorted((ROOT / "deploy" / "docker").glob("*.Dockerfile"))
USERS = 50

pytestmark = pytest.mark.timeout(3600)  # images are built, one of them with TensorFlow


def docker_lines() -> set[str]:
    """In blocks, and between marks in a text."""
    text = "\n".join(page.read_text() for page in PAGES)
    return {line.strip("`") for line in re.findall(r"^docker [^\n]+|`docker [^`]+`", text, re.MULTILINE)}


def line(beginning: str) -> str:
    (found,) = (each for each in docker_lines() if each.startswith(beginning))
    return found


BUILD = line("docker build ")
UP = line("docker compose -f ")
PS, LOGS, KILL = (line(f"docker compose -p songprint {command} ") for command in ("ps", "logs", "kill"))


def test_no_line_for_docker_is_left_out_here() -> None:
    assert docker_lines() == {BUILD, UP, PS, LOGS, KILL}


class Composition(NamedTuple):
    """What Compose started, under a name of its own."""

    environment: dict[str, str]

    def type(self, asked: str) -> str:
        return type_line(
            asked.replace("-p songprint ", f"-p {self.environment['COMPOSE_PROJECT_NAME']} "), self.environment
        )

    def metric(self, name: str) -> float:
        """The sum over a metric's labels, as the worker tells it."""
        fetch = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9464/metrics').read().decode())"
        told = self.type(f'docker compose -f {COMPOSE} exec -T worker python -c "{fetch}"')
        return sum(float(value) for value in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", told, re.MULTILINE))


@pytest.fixture(scope="module")
def engine() -> None:
    need_engine()
    pinned = set(re.findall(r"^ARG BASE=(\S+)$", "\n".join(file.read_text() for file in FILES), re.MULTILINE))
    services = yaml.safe_load(COMPOSE.read_text())["services"].values()
    base = {os.environ["BASE"]} if "BASE" in os.environ else pinned
    need_images(base | {service["image"] for service in services if "build" not in service})


@pytest.fixture
def composition(engine: None, small_bundle: Path, tmp_path: Path) -> Iterator[Composition]:
    """Everything, with a model and playlists that are there already, on ports that are free."""
    models = tmp_path / "models"
    shutil.copytree(small_bundle, models / "bundle")
    data = models / "data"
    data.mkdir()
    (data / "plays.csv").write_text("user_id,song_id\n" + "".join(f"u{user},s{user}\n" for user in range(USERS)))
    (data / "users.csv").write_text("user_id,gender\n" + "".join(f"u{user},f\n" for user in range(USERS)))
    ours = {"MODELS": str(models), "GRAFANA_PORT": "0", "PROMETHEUS_PORT": "0"}
    started = Composition({**os.environ, **ours, "COMPOSE_PROJECT_NAME": f"songprint-test-{os.getpid()}"})
    try:
        started.type(f"{UP} --detach")
        yield started
    finally:
        started.type(f"docker compose -f {COMPOSE} down --volumes")


@pytest.mark.usefixtures("engine")
def test_the_workers_image_is_built() -> None:
    image = "songprint-test-worker"
    (tag,) = re.findall(r"-t (\S+)", BUILD)
    # Of the environment's base, if it names one.
    type_line(BUILD.replace("docker build", "docker build --build-arg BASE").replace(tag, image))
    try:
        assert "usage: python -m worker run" in type_line(f"docker run --rm --read-only {image} run --help")
        assert type_line(f"docker run --rm --entrypoint id {image} -u").strip() == "10001"
    finally:
        type_line(f"docker image rm {image}")


def test_compose_starts_everything_and_the_runbooks_look_into_it(composition: Composition) -> None:
    eventually(lambda: "(healthy)" in composition.type(PS), "the worker is ready")
    eventually(lambda: composition.metric("songprint_labels_total") >= USERS, "the producer's playlists are labelled")
    assert composition.metric("songprint_rejects_total") == 0
    told = [line.partition(" | ")[2] for line in composition.type(LOGS).splitlines() if line.startswith("worker-1 ")]
    assert json.loads(told[0])["message"] == "starting", "nothing else than its log comes out of it"
    assert "Thread 0x" not in composition.type(LOGS)
    composition.type(KILL)
    eventually(lambda: "Thread 0x" in composition.type(LOGS), "the worker says what each thread is doing")
    assert "(healthy)" in composition.type(PS), "it goes on"
