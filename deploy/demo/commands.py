"""The project's own commands, run to their end as child processes."""

import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local.process import ServerProcess

LONGEST_SECONDS = 3_600.0


def run_command(*words: str | Path, logs: Path, environment: Mapping[str, str] | None = None) -> None:
    """`python -m WORDS…`, its output in a file in `logs`.

    Raises LocalStackError, whose message names that file and quotes its end, if the command fails.
    """
    texts = [str(word) for word in words]
    name = "-".join(text for text in texts[:2] if text.isalpha())
    process = ServerProcess(spelled(*words), [sys.executable, "-m", *texts], logs / f"{name}.log", environment)
    process.start()
    try:
        process.wait_until_done(LONGEST_SECONDS)
    finally:
        process.kill()


def spelled(*words: str | Path) -> str:
    """The command as a person would type it."""
    return " ".join(["python", "-m", *map(str, words)])
