"""Running one of the project's commands as a user would, with what it cost."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from training.errors import TrainingError


@dataclass(frozen=True)
class Cost:
    """What a command took."""

    seconds: float
    # The most memory that it held at once.
    mebibytes: float


def run_command(*arguments: str | Path, output: Path | None = None) -> Cost:
    """`python -m training …`; its standard output goes to the file `output`. Raises TrainingError where it fails."""
    command = [sys.executable, "-m", "training", *map(str, arguments)]
    started = time.perf_counter()
    with open(output or os.devnull, "wb") as stream:
        process = subprocess.Popen(command, stdout=stream)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise TrainingError(f"`{' '.join(command[1:])}` failed with exit status {process.returncode}; see above")
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(time.perf_counter() - started, usage.ru_maxrss * unit / 2**20)
