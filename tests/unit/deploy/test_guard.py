"""A server's guard passes on what it is told, whenever it is told, and leaves nothing of the server when it ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from deploy.local.errors import LocalStackError
from deploy.local.process import ServerProcess
from tests.stream import PATIENCE, eventually

ROOT = Path(__file__).parents[3]
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SERVER = f"""
import os, signal, sys

def told(number, _frame):
    print("told", number, flush=True)
    sys.exit(7)

forked = os.fork() == 0
for number in {[*map(int, ENDING)]}:
    signal.signal(number, signal.SIG_IGN if forked else told)
print("up", flush=True)
while True:
    signal.pause()
"""
"""Ends in its own way when it is told to, and forgets a process that does not."""
TOLD_AT_ONCE = """
import signal, subprocess, sys
from deploy.local import guard

start = subprocess.Popen

def and_be_told(*arguments, **options):
    server = start(*arguments, **options)
    signal.raise_signal(signal.SIGTERM)
    return server

subprocess.Popen = and_be_told
sys.exit(guard.main())
"""
SLEEPER = "import time; time.sleep(600)"


def family(session: int) -> list[int]:
    """Processes of the session, less those that are dead and only wait to be reaped."""
    found = []
    for process in psutil.process_iter():
        try:
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):  # it has just ended, or is somebody else's
            continue
    return found


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_a_signal_to_the_guard_is_one_to_the_server_and_nothing_is_left(tmp_path: Path, number: signal.Signals) -> None:
    server = ServerProcess("the server", [sys.executable, "-c", SERVER], tmp_path / "log")
    server.start()
    guard = server.session or 0
    try:
        server.wait_until(lambda: server.log.read_text().count("up") == 2, PATIENCE)
        assert len(family(guard)) == 3, "the guard, the server, and what that has forked"
        os.kill(guard, number)
        with pytest.raises(LocalStackError, match="the server ended with status 7"):
            server.wait_until(lambda: False, PATIENCE)
        assert f"told {int(number)}\n" in server.log.read_text()
        eventually(lambda: not family(guard), "nothing is left")
    finally:
        server.kill()
        for pid in family(guard):
            os.kill(pid, signal.SIGKILL)


def test_a_signal_that_comes_as_soon_as_the_server_has_started_is_passed_on() -> None:
    """Or the guard would end by it, and leave the server to nobody."""
    command = [sys.executable, "-c", TOLD_AT_ONCE, sys.executable, "-c", SLEEPER]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE) as guard:
        assert guard.wait(PATIENCE) == 128 + signal.SIGTERM, "the server's status, and not the guard's"
