"""A Docker engine, for the tests that want a real one; few machines of a CI have one."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.deploy.programs import needed

ROOT = Path(__file__).parents[2]


def type_line(line: str, environment: Mapping[str, str] = os.environ) -> str:
    """Has a shell run a line in the root of the project; returns what it printed, both ways. Fails where it does."""
    done = _run(line, environment)
    assert done.returncode == 0, f"{line}\n{done.stdout}"
    return done.stdout


def need_engine() -> None:
    """The test is skipped where no engine answers, or where it has no Compose."""
    needed("docker", "Docker with its Compose plugin", in_ci=False)
    for question in ("docker version", "docker compose version"):
        if _run(question).returncode:
            pytest.skip(f"`{question}` fails; start a Docker engine, and install its Compose plugin")


def need_images(images: set[str]) -> None:
    """The test is skipped where one of the images is not here: gigabytes are not fetched by the way."""
    for image in sorted(images):
        if _run(f"docker image inspect {image}").returncode:
            pytest.skip(f"there is no image {image} here; docker pull {image}")


def _run(line: str, environment: Mapping[str, str] = os.environ) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", "-e", "-c", line],
        cwd=ROOT,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
