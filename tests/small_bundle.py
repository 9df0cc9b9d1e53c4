"""A small bundle for tests, exported the way every bundle is."""

import subprocess
import sys
import tempfile
from pathlib import Path

from tests.small_run import write_small_run


def export_small_bundle(path: Path) -> Path:
    """The bundle of the small run in `path`: songs `s0` to `s199`, 8 units, genders f and m, 3 clusters.

    In a process of its own, so that TensorFlow does not stay in the tests' memory.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = write_small_run(Path(folder) / "run")
        command = [sys.executable, "-m", "export", str(run), "--out", str(path), "--name", "small"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the export of the small run failed:\n{done.stderr}")
    return path
