"""The commands of training in the test's own process: TensorFlow takes seconds to load in each new one."""

import os
from contextlib import redirect_stdout
from pathlib import Path

from training.__main__ import main
from training.reproduction.command import Cost


def run_command(*arguments: str | Path, output: Path | None = None) -> Cost:
    """As `training.reproduction.command.run_command`, but for what it costs."""
    with open(output or os.devnull, "w", encoding="utf-8") as stream, redirect_stdout(stream):
        assert main(list(map(str, arguments))) == 0, arguments
    return Cost(0.0, 0.0)
