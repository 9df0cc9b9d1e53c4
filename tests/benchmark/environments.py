"""The peers' own environments, made when they are first needed."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.benchmark.contender import Unavailable
from tests.benchmark.model import ROOT

PEERS = ROOT / "tests" / "benchmark" / "peers"
CACHE = ROOT / "build" / "benchmark"
LINES_SHOWN = 3


def python_of(peer: str) -> Path:
    """The interpreter of a virtual environment with the peer's locked packages. Raises Unavailable."""
    lock = PEERS / peer / "requirements.txt"
    folder = CACHE / "venvs" / f"{peer}-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
    interpreter, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        _run([sys.executable, "-m", "venv", "--clear", str(folder)], "its environment cannot be made")
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
        _run([str(interpreter), *install, "--requirement", str(lock)], "its packages cannot be installed")
        done.touch()
    return interpreter


def jars_of(peer: str) -> str:
    """The class path of a peer in Java, built by Maven. Raises Unavailable."""
    for program in ("mvn", "java"):
        if shutil.which(program) is None:
            raise Unavailable(f"there is no {program} on the PATH")
    sources = [*sorted((PEERS / peer).rglob("*.java")), PEERS / peer / "pom.xml"]
    digest = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    folder = CACHE / "java" / f"{peer}-{digest}"
    done = folder / "installed"
    if not done.exists():
        words = ["mvn", "--quiet", "--batch-mode", "--file", str(PEERS / peer / "pom.xml"), f"-Dpeer.build={folder}"]
        _run([*words, "package"], "Maven cannot build it")
        done.touch()
    return f"{folder}/classes:{folder}/dependency/*"


def _run(words: Sequence[str], complaint: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        last = " / ".join((done.stdout + done.stderr).strip().splitlines()[-LINES_SHOWN:])
        raise Unavailable(f"{complaint}: {last}")
