"""Each fault of the workers really strikes one: seen by processes in their place that only wait for it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, cast
from unittest.mock import Mock

import pytest

from tests.acceptance import group as group_module
from tests.acceptance.faults import FAULTS as ALL_FAULTS
from tests.acceptance.faults import workers as faults
from tests.acceptance.group import HUNG, WorkerGroup
from tests.acceptance.injection import Injection
from tests.stream import WorkerProcess, eventually

FAULTS = {fault.name: fault for fault in faults.FAULTS}
LONG = 0.8
"""Seconds between two steps of a waiting process that was stopped in between."""
WAITING = f"""
import os, signal, sys, time
from pathlib import Path

def take(*_):
    file = Path(os.environ["FAULT_FILE"])
    if file.exists():
        fault = file.read_text()
        file.unlink()
        print("armed with", fault, flush=True)
        if fault.endswith(("SIGKILL", "SIGSTOP")):  # it is at the step
            os.kill(os.getpid(), getattr(signal, fault.rpartition(":")[2]))

signal.signal(signal.SIGUSR1, take)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
take()
print('{{"message": "starting"}}', flush=True)
before = time.monotonic()
while True:
    time.sleep(0.01)
    now = time.monotonic()
    if now - before > {LONG}:
        print("was stopped", flush=True)
    before = now
"""


class WaitingProcess(WorkerProcess):
    """Ready as soon as it can be told of a fault."""

    def ready(self) -> bool:
        return bool(self.logged("starting"))

    def get(self, path: str) -> str:
        if not self.ready() or self.exited():
            raise OSError("not yet, or no longer")
        return '"ready"'


class Processes:
    """Starts them where a `Stream` would start workers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.started: list[WaitingProcess] = []

    def start(self, name: str, _command: object, **environment: str) -> WaitingProcess:
        log = self._folder / f"{name}-{len(self.started)}.log"
        self.started.append(WaitingProcess([sys.executable, "-c", WAITING], environment, log))
        return self.started[-1]

    def endings(self) -> tuple[int, int]:
        """How many were killed, and how many ended in another way."""
        killed = [process.process.returncode == -signal.SIGKILL for process in self.started if process.exited()]
        return sum(killed), len(killed) - sum(killed)

    def output(self) -> str:
        return "".join(process.output() for process in self.started)


class Bench:
    def __init__(self, folder: Path) -> None:
        self.processes = Processes(folder)
        self.group = WorkerGroup(cast(Any, self.processes), {}, ["w0", "w1", "w2"], folder)
        self.redis_was_emptied = 0
        self._folder = folder

    def empty_redis(self) -> None:
        self.redis_was_emptied += 1

    def wait_armed(self) -> None:
        """Until everybody knows of the fault that is meant for it."""
        eventually(lambda: not list(self._folder.glob("fault-*")), "the faults are taken")

    def injection(self) -> Injection:
        """Into a system that has no servers; the first worker is the one that is chosen, or else the last."""
        system = SimpleNamespace(
            group=self.group,
            servers=SimpleNamespace(redis=SimpleNamespace(empty=self.empty_redis)),
            plan=SimpleNamespace(session_timeout_ms=1_000),
            watch=SimpleNamespace(begin=lambda _marks: None),
            ledger=SimpleNamespace(ends={}),
        )
        made = Injection(cast(Any, system), cast(Any, SimpleNamespace(choice=lambda names: names[-1])))
        made.some_worker = lambda: "w0"  # type: ignore[method-assign]
        made.wait_recovered = lambda _seconds: self.wait_armed()  # type: ignore[method-assign]
        return made


class Seen(NamedTuple):
    killed: int
    """Processes that ended by SIGKILL."""
    told: int
    """Processes that ended as they were told to."""
    words: tuple[str, ...] = ()
    """What processes say of it."""
    redis: int = 0
    """How often Redis was emptied."""


def at(step: str, number: str = "SIGKILL") -> str:
    return f"armed with {step}:{number}"


STOPPED = "was stopped"
HOURS = 30 * 3600.0
SEEN = {
    "kill -9": Seen(1, 0),
    "kill -9 of all workers": Seen(3, 0),
    **{f"kill -9 {when}": Seen(1, 0, (at(step),)) for when, step in faults.STEPS.items()},
    **{f"kill -9 {when}": Seen(2, 0, (at(step),)) for when, step in faults.AFTER_START.items()},
    **{f"kill -9 {when}": Seen(1, 0, (at(step),), redis=1) for when, step in faults.IN_RESTORE.items()},
    "kill -9 during a rebalance": Seen(1, 1, (at("partitions.revoked:before:1"),)),
    "kill -9 and staying away": Seen(1, 0),
    "SIGSTOP for 3 s": Seen(0, 0, (STOPPED,)),
    "zombie in a transaction": Seen(0, 0, (at("sink.commit:before:2", "SIGSTOP"), STOPPED)),
    "zombie before Redis": Seen(0, 0, (at("cache.write:before:1", "SIGSTOP"), STOPPED)),
    "planned restart": Seen(0, 1),
    "rolling restart of all": Seen(0, 3),
    "one worker more, then less": Seen(0, 1),
    "partitions no longer fetched": Seen(0, 0, ("armed with unfetched",)),
    "clock 30 h ahead": Seen(1, 0, (f"armed with clock:{HOURS}", "armed with clock:0")),
    "clock 30 h behind": Seen(1, 0, (f"armed with clock:-{HOURS}", "armed with clock:0")),
}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    with bench.group:
        yield bench


@pytest.mark.parametrize("name", SEEN)
def test_a_fault_strikes_and_its_workers_are_back(bench: Bench, name: str) -> None:
    seen = SEEN[name]
    FAULTS[name].inject(bench.injection())
    # The three, and one for each that has ended: in its place, or a worker more.
    eventually(lambda: len(bench.processes.started) == 3 + seen.killed + seen.told, name)
    bench.group.wait_ready()
    assert bench.group.running == ["w0", "w1", "w2"]
    assert bench.processes.endings() == (seen.killed, seen.told)
    for words in seen.words:
        eventually(lambda words=words: words in bench.processes.output(), words)
    assert bench.redis_was_emptied == seen.redis
    assert bench.group.endings == [], "nobody takes it for a crash"


def test_every_fault_of_the_workers_is_tried_here() -> None:
    assert set(FAULTS) == set(SEEN)


def test_redis_is_emptied_while_the_worker_that_has_read_from_it_stands_still(bench: Bench) -> None:
    redis, stood_still = Mock(), list[bool]()

    def ask(question: Any) -> None:
        stood_still.append(faults.stopped(bench.group["w0"]))
        question(redis)

    made = bench.injection()
    made.system.servers.redis.ask = ask  # type: ignore[method-assign]
    ALL_FAULTS["Redis emptied between two reads"].inject(made)
    redis.flushall.assert_called_once_with()
    assert stood_still == [True]
    assert at("cache.read:after:1", "SIGSTOP") in bench.processes.output()
    eventually(lambda: not faults.stopped(bench.group["w0"]), "it goes on")
    assert bench.group.endings == []


def test_a_worker_that_nobody_has_killed_is_a_crash(bench: Bench) -> None:
    bench.group["w1"].process.kill()
    eventually(lambda: len(bench.processes.started) == 4, "it is started again")
    bench.group.wait_ready()
    (ending,) = bench.group.endings
    assert (ending.name, ending.status, ending.crashed) == ("w1", -signal.SIGKILL, True)
    assert "starting" in ending.last_words


def test_a_fault_waits_for_the_successor_of_a_worker_that_has_just_ended_by_itself(bench: Bench) -> None:
    bench.group["w0"].process.send_signal(signal.SIGTERM)
    bench.group["w0"].process.wait()
    FAULTS["kill -9 inside the transaction"].inject(bench.injection())
    assert bench.processes.endings() == (1, 1), "its successor has met it, not another one later"
    assert [ending.status for ending in bench.group.endings] == [0], "which nobody takes for a crash"


def test_a_fault_that_its_worker_ended_without_is_its_successors(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.group, "_is_ready", lambda _name: True)  # as it was when it was asked
    bench.group["w0"].process.send_signal(signal.SIGTERM)
    bench.group["w0"].process.wait()
    bench.group.arm("w0", "sink.publish:after:1:SIGKILL")
    eventually(lambda: len(bench.processes.started) == 5, "its successor has met the fault, and was succeeded")
    assert -signal.SIGKILL not in [ending.status for ending in bench.group.endings], "which nobody takes for a crash"


def test_a_worker_that_does_not_end_when_it_is_told_to_is_a_crash(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_module, "ENDING_SECONDS", 0.1)
    bench.group["w1"].process.send_signal(signal.SIGSTOP)
    bench.group.restart("w1")
    assert [(ending.name, ending.status, ending.crashed) for ending in bench.group.endings] == [("w1", HUNG, True)]


def test_a_clock_that_is_set_wrong_is_wrong() -> None:
    code = "import time; t = time.time(); from tests.faulty_worker import Trigger; Trigger().arm('clock:7200'); "
    shown = subprocess.run(
        [sys.executable, "-c", f"{code}print(round((time.time() - t) / 3600))"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == "2"
