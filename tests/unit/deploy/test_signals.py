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

FINALIZED = """
import signal, time
from deploy.local.signals import leave_on_signals

class Finalized:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)

leave_on_signals()
try:
    Finalized()
    print("lost")
    time.sleep(60)
except KeyboardInterrupt:
    print("cleaned up")
"""
OTHERWISE = """
from deploy.local.signals import leave_on_signals

class Broken:
    def __del__(self):
        raise ValueError("told as ever")

leave_on_signals()
Broken()
"""


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    """In a process of its own, which is all that a signal too many would end."""
    folder = Path(__file__).parents[3]
    return subprocess.run([sys.executable, "-c", *words], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_the_first_signal_leaves_and_no_other_breaks_the_clean_up(number: signal.Signals) -> None:
    done = run(COMMAND, str(int(number)))
    assert (done.returncode, done.stdout) == (0, "cleaned up\n"), done.stderr


def test_a_signal_that_comes_while_an_object_is_finalized_is_not_lost() -> None:
    done = run(FINALIZED)
    assert (done.returncode, done.stdout, done.stderr) == (0, "lost\ncleaned up\n", "")


def test_what_else_goes_wrong_in_a_finalizer_is_told_as_ever() -> None:
    done = run(OTHERWISE)
    assert (done.returncode, done.stdout) == (0, "")
    assert "ValueError: told as ever" in done.stderr
