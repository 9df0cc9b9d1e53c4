"""The workers that a test starts end with the process that runs it, and are themselves until then."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.stream import PATIENCE, WorkerProcess, eventually

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STEERING = f"""
import os, sys, time
from pathlib import Path
from tests.stream import WorkerProcess
worker = WorkerProcess([sys.executable, "-c", {SLEEPER!r}], os.environ, Path(sys.argv[1]))
print(worker.process.pid, flush=True)
time.sleep(600)
"""


def start(tmp_path: Path, code: str) -> WorkerProcess:
    return WorkerProcess([sys.executable, "-c", code], os.environ, tmp_path / "log")


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE  # where nobody reaps what has lost its parent
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_worker_ends_with_the_process_that_steers_the_test(
    tmp_path: Path, number: signal.Signals, stopped: bool
) -> None:
    """Which alone gets the signal."""
    steering = subprocess.Popen([sys.executable, "-c", STEERING, tmp_path / "log"], stdout=subprocess.PIPE, text=True)
    assert steering.stdout is not None
    worker = psutil.Process(int(steering.stdout.readline()))
    (guard,) = eventually(worker.children, "there is a guard")
    eventually(lambda: "up" in (tmp_path / "log").read_text(), "the worker runs")
    if stopped:
        worker.suspend()
    steering.send_signal(number)
    steering.wait(PATIENCE)
    eventually(lambda: gone(worker), "the worker is gone")
    eventually(lambda: gone(guard), "and so is its guard")


def test_signals_reach_the_worker_itself(tmp_path: Path) -> None:
    worker = start(tmp_path, SLEEPER)
    eventually(lambda: "up" in worker.output(), "the worker runs")
    itself = psutil.Process(worker.process.pid)
    assert itself.cmdline() == [sys.executable, "-c", SLEEPER]
    (guard,) = itself.children()
    worker.process.send_signal(signal.SIGSTOP)
    eventually(lambda: itself.status() == psutil.STATUS_STOPPED, "it is stopped")
    worker.process.send_signal(signal.SIGCONT)
    eventually(lambda: itself.status() != psutil.STATUS_STOPPED, "it goes on")
    worker.kill()
    assert worker.process.returncode == -signal.SIGKILL
    eventually(lambda: gone(guard), "the guard ends with it")


def test_the_status_is_the_workers_own(tmp_path: Path) -> None:
    assert start(tmp_path, "raise SystemExit(7)").process.wait(PATIENCE) == 7
