"""The worker processes under test, kept alive as an init system or Kubernetes would."""

import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

from tests.stream import Stream, WorkerProcess, eventually

COMMAND = ("-m", "tests.faulty_worker")
WATCH_SECONDS = 0.05
READY_SECONDS = 120.0
ENDING_SECONDS = 40.0
HUNG = -1
"""The status of a worker that did not end when it was told to."""
CONDITION = (
    "songprint_assigned_partitions",
    "songprint_ready_partitions",
    "songprint_lag_events",
    "songprint_last_commit_timestamp_seconds",
)
RESTART_SECONDS = 0.5
"""After a worker that ended by itself."""


class Ending(NamedTuple):
    """A worker that ended although nobody had it stopped or killed."""

    name: str
    status: int
    last_lines: str

    @property
    def last_words(self) -> str:
        lines = self.last_lines.splitlines()
        return f"status {self.status}: {lines[-1] if lines else ''}"

    @property
    def crashed(self) -> bool:
        """By an error that nothing foresaw, rather than by one with a message for its operator."""
        return "Traceback" in self.last_lines or self.status not in (0, 1)


class WorkerGroup:
    """Workers by name, in a `with` block. Who dies is started again at once, unless it was told to stay away."""

    def __init__(self, stream: Stream, environment: Mapping[str, str], names: list[str], folder: Path) -> None:
        self._stream = stream
        self._environment = dict(environment)
        self._folder = folder
        self._lock = threading.RLock()
        self._workers: dict[str, WorkerProcess] = {}
        self._expected: set[WorkerProcess] = set()  # that were killed, or armed to kill themselves
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="supervisor", daemon=True)
        self.names = names
        self.endings: list[Ending] = []
        self.starts = 0

    def __enter__(self) -> "WorkerGroup":
        for name in self.names:
            self.start(name)
        self._thread.start()
        self.wait_ready()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ending.set()
        self._thread.join()
        for worker in self._workers.values():
            worker.process.kill()
            worker.process.wait()

    def __getitem__(self, name: str) -> WorkerProcess:
        return self._workers[name]

    @property
    def running(self) -> list[str]:
        return sorted(self._workers)

    def wait_ready(self) -> None:
        """Until every worker is ready."""
        for name in self.running:
            eventually(lambda name=name: self._is_ready(name), f"the worker {name} is ready", READY_SECONDS)

    def _is_ready(self, name: str) -> bool:
        try:
            return '"ready"' in self[name].get("/readyz")
        except (OSError, HTTPException):  # not there yet, or killed in the middle of its answer
            return False

    def start(self, name: str) -> None:
        with self._lock:
            self.starts += 1
            file = self._fault_file(name)
            armed = file.exists()  # the worker takes it as it starts
            worker = self._stream.start(name, COMMAND, **self._environment, FAULT_FILE=str(file))
            self._workers[name] = worker
            if armed:
                self._expected.add(worker)

    def kill(self, name: str) -> None:
        """SIGKILL; the supervisor starts it again."""
        with self._lock:
            self._expected.add(self[name])
            self[name].kill()

    def remove(self, name: str) -> WorkerProcess:
        """It stays away from now on once it ends, which is for the caller to bring about."""
        with self._lock:
            return self._workers.pop(name)

    def restart(self, name: str) -> None:
        """As planned: SIGTERM, and started again when it has ended."""
        worker = self.remove(name)
        self._end(name, worker)
        self.start(name)

    def stop(self) -> None:
        """All of them, as planned."""
        for name in self.running:
            self._end(name, self.remove(name))

    def _end(self, name: str, worker: WorkerProcess) -> None:
        worker.process.send_signal(signal.SIGTERM)
        try:
            status = worker.process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            self.tell_stack(worker)
            worker.kill()
            status = HUNG
        unborn = status == -signal.SIGTERM and not worker.logged("starting")  # the interpreter was still on its way
        # Armed with a fault whose step it came to only now.
        armed = status == -signal.SIGKILL and worker in self._expected
        if status and not (unborn or armed):
            self._note(name, worker, status)

    def tell_stacks(self) -> None:
        """For their logs, when they do not do what they should."""
        for name in self.running:
            self.tell_stack(self[name])

    def conditions(self) -> list[str]:
        """What each worker says of itself, in a line."""
        return [f"{name}: {self._condition(self[name])}" for name in self.running]

    @staticmethod
    def _condition(worker: WorkerProcess) -> str:
        last = worker.output().splitlines()[-1:]
        try:
            owns, ready, lag, committed = map(worker.metric, CONDITION)
        except (OSError, HTTPException) as error:
            return f"no answer ({error}); last words: {last}"
        ago = time.time() - committed
        return f"owns {owns:g}, {ready:g} ready, {lag:g} events wait, committed {ago:.0f} s ago; last words: {last}"

    @staticmethod
    def tell_stack(worker: WorkerProcess) -> None:
        """Has a worker that hangs write down where."""
        worker.process.send_signal(signal.SIGUSR2)
        time.sleep(WATCH_SECONDS)

    def arm(self, name: str, fault: str) -> WorkerProcess:
        """The running worker meets `fault` (see tests/faulty_worker.py) the next time it gets there.

        If it ends by itself just then, the one that is started in its place meets it.
        """
        eventually(lambda: self._is_ready(name), f"the worker {name} can be told", READY_SECONDS)
        with self._lock:
            worker = self[name]
            self._fault_file(name).write_text(fault)
            self._expected.add(worker)
            worker.process.send_signal(signal.SIGUSR1)
        return worker

    def arm_next(self, name: str, fault: str) -> None:
        """The worker of that name that is started next meets `fault`."""
        self._fault_file(name).write_text(fault)

    def _fault_file(self, name: str) -> Path:
        return self._folder / f"fault-{name}"

    def _supervise(self) -> None:
        while not self._ending.wait(WATCH_SECONDS):
            with self._lock:
                ended = [(name, worker) for name, worker in self._workers.items() if worker.exited()]
            for name, worker in ended:
                unexpected = worker not in self._expected
                if unexpected:
                    self._note(name, worker, worker.process.returncode)
                    time.sleep(RESTART_SECONDS)
                with self._lock:
                    if self._workers.get(name) is worker:
                        self.start(name)

    def _note(self, name: str, worker: WorkerProcess, status: int) -> None:
        self.endings.append(Ending(name, status, "\n".join(worker.output().splitlines()[-30:])))
