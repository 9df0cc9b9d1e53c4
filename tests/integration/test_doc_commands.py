"""The shell commands of the README and of the docs, as they stand there."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy.local.stack import LocalStack
from tests.deploy.programs import needed
from tests.stream import Stream, WorkerProcess, eventually

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ELSEWHERE = {
    ("README.md", "See it work"): "acceptance/test_demo.py runs the demo, and whoever reads this the tests",
    ("README.md", "Deploy and watch it"): "deploy/test_docker_lines.py, where there is a Docker",
    ("README.md", "Reliability"): "takes an hour; acceptance/test_faults.py runs some of the faults",
    ("models.md", "Cluster images"): "integration/test_images.py",
    ("models.md", "Compare ways to cluster tastes"): "integration/test_reproduce.py",
    ("operating.md", "First start"): "integration/test_operating_page.py",
    ("models.md", "Vectors of songs and artists"): "integration/test_song_vectors.py",
    ("benchmark.md", "Benchmark"): "takes hours; integration/test_benchmark.py runs it with small figures",
    ("operating.md", "Deploying"): "deploy/test_docker_lines.py and test_kubectl_lines.py",
}
"""Blocks that other tests run, or their like."""


def blocks(page: str) -> dict[str, list[str]]:
    """The shell blocks of a page by the heading that they stand under."""
    (path,) = [each for each in PAGES if each.name == page]
    sections = re.split(r"^#+ ", path.read_text(), flags=re.MULTILINE)
    found = {
        each.partition("\n")[0]: re.findall(r"^```sh\n(.*?)^```", each, re.MULTILINE | re.DOTALL) for each in sections
    }
    return {heading: inside for heading, inside in found.items() if inside}


def test_every_block_is_run_by_some_test() -> None:
    here = {
        ("README.md", "Send an event, read a label"),
        ("README.md", "Train on your own data"),
        ("models.md", "Data"),
        ("models.md", "Train and export"),
        ("models.md", "Read the report"),
        ("models.md", "Publish"),
        ("models.md", "Roll back"),
        ("runbooks.md", "SongprintDeadLetters"),
    }
    assert {(page.name, heading) for page in PAGES for heading in blocks(page.name)} == here | set(ELSEWHERE)


class Desk(NamedTuple):
    """A folder to type commands in, with what they need."""

    folder: Path
    environment: dict[str, str]

    def type(self, commands: str) -> str:
        """Runs a block; every command of it has to succeed. Returns what was printed."""
        done = subprocess.run(
            ["sh", "-e", "-c", commands],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{commands}\n{done.stdout}{done.stderr}"
        return done.stdout


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "build").mkdir()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return Desk(tmp_path, {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "SONGPRINT_HTTP__PORT": "0"})


@pytest.fixture
def stack() -> Iterator[LocalStack]:
    """Servers of its own, as the commands use the topics' usual names."""
    with LocalStack() as running:
        yield running


def test_an_event_is_sent_and_its_label_and_dead_letters_are_read(
    desk: Desk, stack: LocalStack, small_bundle: Path, tmp_path: Path
) -> None:
    needed("kcat", "kcat")
    servers, worker, client = blocks("README.md")["Send an event, read a label"]
    assert servers.splitlines()[-1] == "python -m deploy.local", "which test_local_stack runs"
    desk.environment.update(stack.environment)
    desk.environment["SONGPRINT_LOG__FORMAT"] = "json"
    (desk.folder / "build" / "demo").mkdir()
    (desk.folder / "build" / "demo" / "bundle").symlink_to(small_bundle)
    *before, start = worker.splitlines()
    assert "created user-labels" in desk.type("\n".join(before))
    command = ["sh", "-c", f'cd "{desk.folder}" && exec {start}']
    process = WorkerProcess(command, desk.environment, tmp_path / "worker.log")
    try:
        process.wait_ready()
        sending, reading = client.split("\n\n")
        desk.type(sending)
        eventually(lambda: '"user":"ann"' in desk.type(reading), "the label is read")

        stream = Stream(stack.environment, tmp_path)
        stream.send("bad", b"{")
        stream.flush()
        stream.letters(1)
        (block,) = blocks("runbooks.md")["SongprintDeadLetters"]
        said = desk.type(block)
        assert "not_json" in said
        assert "__connect.errors.exception.message" in said
    finally:
        process.end()


def test_kcat_tells_what_the_runbooks_ask_it(desk: Desk, stack: LocalStack, tmp_path: Path) -> None:
    needed("kcat", "kcat")
    desk.environment.update(stack.environment)
    stream = Stream(stack.environment, tmp_path)
    stream.create_topics()
    event, brokers = re.findall(r"`(kcat [^`]+)`", (ROOT / "docs" / "runbooks.md").read_text())
    said = desk.type(brokers)
    assert f"at {stack.bootstrap_servers}" in said
    assert f'topic "{stream.topics.events}" with 4 partitions' in said
    assert "isrs: 1" in said

    for number in range(9):
        stream.send(f"user{number}", b"value %d" % number)
    stream.flush()
    for record in stream.read(stream.topics.events, 9):
        line = event.replace("PARTITION", str(record.partition)).replace("OFFSET", str(record.offset))
        assert desk.type(line).encode().splitlines() == [record.value]


@pytest.mark.timeout(900)  # trains
def test_a_model_is_trained_published_and_rolled_back(desk: Desk) -> None:
    models = blocks("models.md")
    desk.type(models["Data"][0].replace("synthesize", "synthesize --users 400 --songs 300"))
    train, attempt = models["Train and export"]
    desk.type(train)
    label, check = attempt.splitlines()
    assert check == "python -m worker check --bundle build/bundle", "which test_operating_page and test_check run"
    assert "model" in desk.type(label.replace('"SONG" "SONG"', "小情歌 我好想你"))

    (report,) = models["Read the report"]
    desk.type(report)
    assert "majority rate" in (desk.folder / "build" / "report.html").read_text()

    shelf = desk.folder / "models"
    (publish,), (back,) = models["Publish"], models["Roll back"]
    desk.type(f"mkdir {shelf}; cp -r build/bundle {shelf}/bundle; echo old > {shelf}/bundle/mark")
    desk.type(publish.replace("/models", str(shelf)))
    assert not (shelf / "bundle" / "mark").exists()
    desk.type(back.replace("/models", str(shelf)))
    assert (shelf / "bundle" / "mark").exists()


@pytest.mark.timeout(900)  # trains
def test_the_readmes_way_to_a_bundle_of_ones_own(desk: Desk) -> None:
    desk.type("python -m training synthesize --users 400 --songs 300 --out FOLDER")
    (block,) = blocks("README.md")["Train on your own data"]
    desk.type(block)
    assert (desk.folder / "build" / "bundle" / "manifest.json").is_file()
    assert "<svg" in (desk.folder / "build" / "report.html").read_text()
