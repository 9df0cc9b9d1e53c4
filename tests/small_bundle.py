"""A small bundle for tests, exported the way every bundle is."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.small_run import write_small_run

KEPT = "TEST_BUNDLES_KEPT"
"""Variable with the folder in which the processes of a test run keep what they have exported, if there is one."""


def export_small_bundle(path: Path, seed: int = 0) -> Path:
    """The bundle of the small run in `path`: songs `s0` to `s199`, 8 units, genders f and m, 3 clusters.

    `seed` decides the weights. The processes of one test run export each bundle once between them.
    """
    if KEPT not in os.environ:
        return _export(path, seed)
    kept = Path(os.environ[KEPT], str(seed))
    with open(kept.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            _export(kept.with_suffix(".new"), seed).rename(kept)
    return Path(shutil.copytree(kept, path))


def _export(path: Path, seed: int) -> Path:
    """In a process of its own, so that TensorFlow does not stay in the tests' memory."""
    with tempfile.TemporaryDirectory() as folder:
        run = write_small_run(Path(folder) / "run", seed=seed)
        command = [sys.executable, "-m", "export", str(run), "--out", str(path), "--name", "small"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the export of the small run failed:\n{done.stderr}")
    return path


def replace_file(bundle: Path, name: str, content: bytes) -> None:
    """Put `content` in the place of a bundle's file and sign for it, so that only what is in it can be refused."""
    (bundle / name).write_bytes(content)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["files"][name] = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (bundle / "manifest.json").write_text(json.dumps(manifest))


def edit_json(bundle: Path, name: str, edit: Callable[[Any], object]) -> None:
    """Change a bundle's JSON file by `edit`, which works in place; signed for unless it is the manifest itself."""
    value = json.loads((bundle / name).read_text())
    edit(value)
    if name == "manifest.json":
        (bundle / name).write_text(json.dumps(value))
    else:
        replace_file(bundle, name, json.dumps(value).encode())
