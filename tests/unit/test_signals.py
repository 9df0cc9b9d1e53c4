"""Signals before there is a worker, and after."""

import io
import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from tests.stream import PATIENCE
from worker.loop import Bounds, Observers, Ports, Worker
from worker.model_watch import ModelWatch
from worker.signals import WorkerSignals


class Listener:
    def __init__(self) -> None:
        self.stopped = 0
        self.looked = 0

    def stop(self) -> None:
        self.stopped += 1

    def look_for_model(self) -> None:
        self.looked += 1


STARTING = """
import logging, signal, threading
from tests.stream import PATIENCE
from worker.signals import WorkerSignals
logging.basicConfig(level="INFO", format="%(message)s: %(signal)s")
with WorkerSignals():
    try:
        signal.raise_signal({number})
        threading.Event().wait()  # as for a broker
    except BaseException:
        print("an exception came out of the middle of something")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_before_there_is_a_worker_the_process_ends_as_planned(number: signal.Signals) -> None:
    """By no exception: a library in C++ that is being imported would abort the process."""
    command = [sys.executable, "-c", STARTING.format(number=int(number))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"told to stop: {number.name}\n")


HANGING = """
import signal
from worker.signals import WorkerSignals
def hangs():
    signal.raise_signal(signal.SIGUSR2)
with WorkerSignals():
    hangs()
print("went on")
"""


def test_a_worker_that_hangs_tells_where() -> None:
    """The runbooks ask for it; nothing that could ask from outside is in the image."""
    command = [sys.executable, "-c", HANGING]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout) == (0, "went on\n")
    assert "in hangs" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_is_asked_to_stop(number: signal.Signals) -> None:
    worker = Listener()
    with WorkerSignals() as signals:
        signals.tell(worker)
        signal.raise_signal(number)
    assert (worker.stopped, worker.looked) == (1, 0)


def test_a_bundle_that_came_while_the_worker_was_built_is_looked_for() -> None:
    worker = Listener()
    with WorkerSignals() as signals:
        signal.raise_signal(signal.SIGHUP)
        signals.tell(worker)
        assert worker.looked == 1
        signal.raise_signal(signal.SIGHUP)
    assert (worker.stopped, worker.looked) == (0, 2)


class Interrupted(io.StringIO):
    """Takes a signal in the middle of a line, and takes no other line meanwhile, as a process's own output."""

    writing = False

    def write(self, text: str) -> int:
        if self.writing:
            raise RuntimeError("reentrant call")
        self.writing = True
        signal.raise_signal(signal.SIGTERM)
        self.writing = False
        return super().write(text)


def test_a_signal_in_the_middle_of_a_log_line_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Else the worker would go on until it is killed."""
    worker, output = Listener(), Interrupted()
    monkeypatch.setattr(sys, "stderr", output)
    handler = logging.StreamHandler(output)
    monkeypatch.setattr(logging.getLogger("worker"), "handlers", [handler])
    caplog.set_level(logging.INFO, "worker")
    with WorkerSignals() as signals:
        signals.tell(worker)
        logging.getLogger("worker.loop").info("a line")
    assert worker.stopped > 0
    assert "a line" in output.getvalue()


def test_afterwards_signals_are_what_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with WorkerSignals():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def interrupted_everywhere(work: Callable[[], object], handler: Callable[[], object]) -> bool:
    """Whether `work` gets through although `handler` runs before each of its lines, as a signal's might."""

    def trace(_frame: object, event: str, _argument: object) -> Any:
        if event == "line":
            handler()
        return trace

    def traced() -> None:
        sys.settrace(trace)
        work()

    thread = threading.Thread(target=traced, daemon=True)
    thread.start()
    thread.join(5)
    return not thread.is_alive()


def test_a_signal_in_the_middle_of_a_look_for_a_bundle_is_waited_for_by_no_one(tmp_path: Path) -> None:
    watch = ModelWatch(tmp_path, Mock(), 0, time.monotonic)
    watch.look_now()
    assert interrupted_everywhere(watch.poll, watch.look_now)
    watch.close()


def test_a_second_signal_in_the_middle_of_the_first_is_waited_for_by_no_one(tmp_path: Path) -> None:
    watch = ModelWatch(tmp_path, Mock(), 0, time.monotonic)
    assert interrupted_everywhere(watch.look_now, watch.look_now)
    watch.close()
    ports, observers = Ports(Mock(), Mock(), Mock()), Observers(Mock(), Mock())
    worker = Worker(ports, Mock(), Mock(), Mock(), watch, observers, Mock(), Bounds(1, 0, 0), "events")
    assert interrupted_everywhere(worker.stop, worker.stop)
