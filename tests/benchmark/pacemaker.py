"""The producer of `pace` as a process beside the session."""

import select
import subprocess
from collections.abc import Sequence
from typing import Self

from tests.benchmark.contender import Contention
from tests.benchmark.model import ROOT
from tests.benchmark.pace import READY


class Pacemaker:
    """A process that says READY in a line, then sends events and ends. It is gone at the end of the `with` block."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def wait_ready(self, seconds: float) -> None:
        """Until the first event is due. Raises Contention."""
        output = self._process.stdout
        assert output is not None
        if not select.select([output], [], [], seconds)[0]:
            raise Contention(f"the paced producer is not ready after {seconds:g} s")
        if output.readline().strip() != READY:
            raise Contention("the paced producer failed before its first event")

    def wait_done(self, seconds: float) -> None:
        """Until the broker has every event. Raises Contention."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired as problem:
            raise Contention(f"the paced producer goes on {seconds:g} s after its last event was due") from problem
        if status:
            raise Contention(f"the paced producer failed with status {status}")
