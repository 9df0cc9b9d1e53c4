"""`python -m tests.fuzz` runs: a moment of it for each target, with all that it has found so far."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.fuzz.__main__ import TARGETS

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("target", TARGETS)
def test_fuzzing_finds_nothing_in_a_moment(target: str, tmp_path: Path) -> None:
    (elsewhere := tmp_path / "elsewhere").mkdir()
    options = ["--seconds", "1", "--seed", "1", "--work", str(tmp_path / "work")]
    command = [sys.executable, "-m", "tests.fuzz", target, *options]
    environment = {**os.environ, "TMPDIR": str(elsewhere)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if find_spec("atheris") is None:
        assert (done.returncode, "atheris is missing" in done.stderr) == (1, True)
        pytest.skip("there is no atheris for this machine; its wheels are for Linux on x86-64")
    assert done.returncode == 0, done.stderr
    assert not list(elsewhere.iterdir()), "nothing stays outside the folder of the work"
    assert int(re.findall(r"Done (\d+) runs", done.stderr)[0]) > 0
