"""A worker that meets a fault at a named step: `python -m tests.faulty_worker run`, with the step in FAULT.

FAULT is PART.METHOD:before|after:COUNT:SIGNAL, for example `sink.commit:after:3:SIGKILL`: the worker sends itself the
signal right after its third commit. Parts are source, sink, cache and changelog; all else is the worker as it is.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from worker import assemble
from worker.__main__ import main


class Fault(NamedTuple):
    part: str
    method: str
    when: str
    count: int
    signal: signal.Signals

    @classmethod
    def parse(cls, text: str) -> "Fault":
        step, when, count, name = text.split(":")
        part, method = step.split(".")
        return cls(part, method, when, int(count), signal.Signals[name])


class Faulty:
    """Stands before a port and passes everything on; at one call of one method it sends this process a signal."""

    def __init__(self, port: Any, fault: Fault) -> None:
        self._port = port
        self._fault = fault
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        return self._counted(found) if name == self._fault.method else found

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            self._calls += 1
            due = self._calls == self._fault.count
            if due and self._fault.when == "before":
                os.kill(os.getpid(), self._fault.signal)
            answer = method(*args, **more)
            if due and self._fault.when == "after":
                os.kill(os.getpid(), self._fault.signal)
            return answer

        return call


def install(fault: Fault) -> None:
    """Puts the fault in front of the part that it names, wherever the assembly makes one."""
    maker = {"source": "KafkaSource", "sink": "KafkaSink", "changelog": "KafkaChangelog", "cache": "redis_states"}[
        fault.part
    ]
    make = getattr(assemble, maker)
    setattr(assemble, maker, lambda *args, **more: Faulty(make(*args, **more), fault))


if __name__ == "__main__":
    install(Fault.parse(os.environ["FAULT"]))
    sys.exit(main())
