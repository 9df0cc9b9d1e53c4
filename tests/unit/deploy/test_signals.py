"""Whichever signal asks a command of the local stack to end, it cleans up, and no further one breaks that."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
COMMAND = f"""
import signal, sys
from deploy.local.signals import leave_on_signals

leave_on_signals()
try:
    signal.raise_signal(int(sys.argv[1]))
except KeyboardInterrupt:
    for number in {[*map(int, ENDING)]}:
        signal.raise_signal(number)
    print("cleaned up")
"""


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_the_first_signal_leaves_and_no_other_breaks_the_clean_up(number: signal.Signals) -> None:
    """In a process of its own, which is all that a signal too many would end."""
    command = [sys.executable, "-c", COMMAND, str(int(number))]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "cleaned up\n"), done.stderr
