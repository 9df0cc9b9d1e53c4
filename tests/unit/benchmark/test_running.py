"""A contender's processes: alone on the machine, and told when they end."""

import os
from pathlib import Path

import pytest

from tests.benchmark.contender import Command, Running
from tests.stream import eventually


def shell(script: str) -> Command:
    return Command(["sh", "-c", script], {"FROM_THE_JOB": "given"})


def lives(number: Path) -> bool:
    try:
        os.kill(int(number.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def test_nothing_of_a_contender_is_left_beside_the_next_one(log: Path, tmp_path: Path) -> None:
    """Not even what it has started itself."""
    started = tmp_path / "number"
    with Running([shell(f"sleep 60 & echo $! > {started}.new; mv {started}.new {started}; wait")], log) as running:
        eventually(started.exists, "it has started something")
        assert lives(started)
        assert running.ended() is None
    eventually(lambda: not lives(started), "it is gone")


def test_a_contender_that_ends_is_told_by_the_end_of_its_log(log: Path) -> None:
    script = "seq 1 20; echo $FROM_THE_JOB; echo and no further >&2"
    with Running([shell("exec sleep 60"), shell(script)], log) as running:
        told = eventually(running.ended, "one of two has ended")
    assert told.splitlines() == [*map(str, range(8, 21)), "given", "and no further"]
