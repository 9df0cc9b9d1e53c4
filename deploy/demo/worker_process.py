"""One streaming worker, as a process."""

import json
import signal
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError

from deploy.demo.page import total
from deploy.local.process import ServerProcess

READY_SECONDS = 60.0
STOP_SECONDS = 15.0
SETTLE_SECONDS = 15.0
REQUEST_SECONDS = 5.0


class WorkerProcess:
    """`python -m worker run`, with metrics and health on whichever port is free."""

    def __init__(self, bundle: Path, logs: Path, environment: Mapping[str, str]) -> None:
        self.process = ServerProcess(
            "the worker",
            [sys.executable, "-m", "worker", "run", "--bundle", str(bundle), "--port", "0"],
            logs / "worker-run.log",
            {**environment, "SONGPRINT_LOG__FORMAT": "json"},
        )

    def start(self) -> None:
        """Returns when the worker has partitions and is ready for them. Raises LocalStackError if it fails."""
        self.process.start()
        self.process.wait_until(self._ready, READY_SECONDS)

    def stop(self) -> None:
        """Ask it to finish its batch and end. Raises LocalStackError if it does not end in good order."""
        self.process.signal(signal.SIGTERM)
        self.process.wait_until_done(STOP_SECONDS)

    def settled(self) -> str:
        """/metrics, as Prometheus would read it, once the worker has seen that nothing is left to do."""
        self.process.wait_until(lambda: total(self._get("/metrics"), "lag_events") == 0, SETTLE_SECONDS)
        return self._get("/metrics")

    def _ready(self) -> bool:
        try:
            # Without a partition a worker is ready too, but not for an event.
            return bool(self._get("/readyz")) and total(self._get("/metrics"), "ready_partitions") > 0
        except URLError:  # not ready, or not listening yet
            return False

    def _get(self, path: str) -> str:
        port = self._port()
        if port is None:
            raise URLError("the worker has not said yet where it listens")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=REQUEST_SECONDS) as answer:
            return str(answer.read().decode())

    def _port(self) -> int | None:
        """From its log: it takes a free port and says which."""
        for line in self.process.log.read_text(encoding="utf-8").splitlines():
            if line.startswith("{") and "http_port" in (entry := json.loads(line)):
                return int(entry["http_port"])
        return None


@contextmanager
def running_worker(bundle: Path, logs: Path, environment: Mapping[str, str]) -> Iterator[WorkerProcess]:
    """A worker that is ready; it is stopped in good order, or killed where the block ends by an error."""
    worker = WorkerProcess(bundle, logs, environment)
    try:
        worker.start()
        yield worker
        worker.stop()
    finally:
        worker.process.kill()
