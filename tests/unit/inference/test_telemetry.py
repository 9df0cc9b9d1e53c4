"""ONNX Runtime is asked to keep to itself, wherever a worker is started."""

import os
import subprocess
import sys
from pathlib import Path

SILENCING = {"CI", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS"}
"""Variables with one of which it says nothing anyway."""


def test_nothing_is_collected_of_what_a_worker_does(small_bundle: Path, tmp_path: Path) -> None:
    """What ONNX Runtime would send is kept in a file of the home folder first."""
    usual = {name: value for name, value in os.environ.items() if name not in SILENCING}
    command = [sys.executable, "-m", "worker", "label", "--bundle", str(small_bundle), "s1"]
    environment = {**usual, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())
