"""A server as a child process that never outlives this one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from deploy.local.errors import LocalStackError, PortTakenError

GUARD = Path(__file__).with_name("guard.py")
POLL_SECONDS = 0.02
KILL_SECONDS = 30.0  # for the kernel to end a process and free its memory
LINES_SHOWN = 5


class ServerProcess:
    """A command that can be started, stopped, killed and started again; its output is appended to `log`.

    Args:
        environment: of the command, in place of this process's.
    """

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._environment = environment
        self._guard: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def session(self) -> int | None:
        """The id of the session that holds the server and its guard; None before the start and after a stop."""
        return None if self._guard is None else self._guard.pid

    @property
    def running(self) -> bool:
        return self._guard is not None and self._guard.poll() is None

    def start(self) -> None:
        """Start the command; `wait_until` says when it answers."""
        if self._guard is not None:
            raise LocalStackError(f"{self.name} was started before: stop or kill it first")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), *self._command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment,
                start_new_session=True,  # out of reach of the terminal's Ctrl-C: ending it is for us to decide
            )

    def wait_until(self, answers: Callable[[], bool], seconds: float) -> None:
        """Return once `answers()` is true.

        Raises PortTakenError if the server ended because its port was taken, LocalStackError if it ended otherwise
        or did not answer within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while not answers():
            self.check()
            if time.monotonic() > deadline:
                raise LocalStackError(f"{self.name} did not answer within {seconds:.0f} s; see its log {self.log}")
            time.sleep(POLL_SECONDS)

    def wait_until_done(self, seconds: float) -> None:
        """Return once a command that ends by itself has done so with status 0; raise LocalStackError otherwise."""
        assert self._guard is not None, "start it first"
        try:
            status = self._guard.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise LocalStackError(f"{self.name} was not done within {seconds:.0f} s; see its log {self.log}") from error
        if status != 0:
            self.check()

    def check(self) -> None:
        """Raise if the server has ended although nobody stopped it."""
        if self._guard is None or self._guard.poll() is None:
            return
        output = self._output()
        error = PortTakenError if "Address already in use" in output else LocalStackError
        lines = [line for line in output.splitlines() if not line.startswith("\tat ")]  # less Java's stack traces
        last_lines = "\n  ".join(lines[-LINES_SHOWN:])
        raise error(
            f"{self.name} ended with status {self._guard.returncode}; see its log {self.log}, which ends with\n"
            f"  {last_lines}"
        )

    def signal(self, number: signal.Signals) -> None:
        """Send the server a signal, for example SIGSTOP and SIGCONT."""
        if self._guard is not None and self._guard.stdin is not None:
            with suppress(BrokenPipeError):  # it has ended
                os.write(self._guard.stdin.fileno(), bytes([number]))

    def stop(self, seconds: float = 30.0) -> None:
        """Ask the server to end, and kill it if it has not done so within `seconds`."""
        self.signal(signal.SIGTERM)
        if self._guard is not None:
            with suppress(subprocess.TimeoutExpired):  # kill() below is the answer to that
                self._guard.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End the server as a crash would, and return when it is gone. Nothing happens if it does not run."""
        if self._guard is not None:
            assert self._guard.stdin is not None
            self._guard.stdin.close()
            self._guard.wait(KILL_SECONDS)
            self._guard = None

    def _output(self) -> str:
        """What the server wrote since it was last started."""
        with self.log.open("rb") as file:
            file.seek(self._log_start)
            return file.read().decode(errors="replace")
