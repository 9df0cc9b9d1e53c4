"""A worker that meets a fault at a named step: `python -m tests.faulty_worker run`, with the step in FAULT.

A fault is PART.METHOD:before|after:COUNT:SIGNAL, for example `sink.commit:after:3:SIGKILL`: the worker sends itself the
signal right after its third commit. SECONDS in the signal's place has its loop hang for so long. Parts are source,
sink, cache, changelog and partitions; everything else is the worker as it is. `clock:SECONDS` sets its wall clock wrong
instead, and `unfetched` has librdkafka fetch nothing more, though the worker resumed its partitions.

Where FAULT_FILE names a file, a fault in it is taken (and the file removed) at the start, and whenever SIGUSR1 arrives.
SIGUSR2 has the worker write down where it is.
"""

import faulthandler
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests import shifted_clock
from worker import assemble, loop
from worker.__main__ import main
from worker.adapters.kafka_source import KafkaSource

MAKERS = {
    "source": (assemble, "KafkaSource"),
    "sink": (assemble, "KafkaSink"),
    "changelog": (assemble, "KafkaChangelog"),
    "cache": (assemble, "redis_states"),
    "partitions": (loop, "Partitions"),
}
"""Where the worker takes each part from."""


class Fault(NamedTuple):
    step: str
    when: str
    count: int
    what: signal.Signals | float
    """What befalls the worker: a signal, or seconds in which its loop does nothing."""

    @classmethod
    def parse(cls, text: str) -> "Fault":
        step, when, count, what = text.split(":")
        return cls(step, when, int(count), float(what) if what.isdigit() else signal.Signals[what])

    def strike(self) -> None:
        if isinstance(self.what, float):
            time.sleep(self.what)
        else:
            os.kill(os.getpid(), self.what)


class Trigger:
    """The armed fault, if there is one, and how often its step was reached since."""

    def __init__(self) -> None:
        self._fault: Fault | None = None
        self._reached = 0
        self.source: KafkaSource | None = None

    def arm(self, text: str) -> None:
        if text.startswith("clock:"):
            shifted_clock.shift(float(text.removeprefix("clock:")))
        elif text == "unfetched":
            assert self.source, "there is no source yet"
            self.source._consumer.pause(self.source._consumer.assignment())
        else:
            self._fault, self._reached = Fault.parse(text), 0

    def arm_from(self, file: Path) -> None:
        if file.exists():
            text = file.read_text()
            file.unlink()
            self.arm(text)

    def reached(self, step: str, when: str) -> None:
        fault = self._fault
        if fault is not None and (fault.step, fault.when) == (step, when):
            self._reached += 1
            if self._reached == fault.count:
                self._fault = None
                fault.strike()


class Faulty:
    """Stands before a part and passes everything on; tells the trigger of every call."""

    def __init__(self, part: Any, name: str, trigger: Trigger) -> None:
        self._part = part
        self._name = name
        self._trigger = trigger

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        return self._watched(found, f"{self._name}.{name}") if callable(found) else found

    def __getitem__(self, key: Any) -> Any:
        return self._part[key]

    def _watched(self, method: Callable[..., Any], step: str) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            self._trigger.reached(step, "before")
            answer = method(*args, **more)
            self._trigger.reached(step, "after")
            return answer

        return call


def install(trigger: Trigger) -> None:
    """Puts the trigger in front of every part, wherever the worker makes one."""

    def watched(name: str, make: Callable[..., Any]) -> Callable[..., Any]:
        def make_watched(*args: Any, **more: Any) -> Faulty:
            part = make(*args, **more)
            if name == "source":
                trigger.source = part
            return Faulty(part, name, trigger)

        return make_watched

    for name, (module, maker) in MAKERS.items():
        setattr(module, maker, watched(name, getattr(module, maker)))


def listen(trigger: Trigger) -> None:
    """Arms what the environment says, now and later."""
    if "FAULT" in os.environ:
        trigger.arm(os.environ["FAULT"])
    if "FAULT_FILE" in os.environ:
        file = Path(os.environ["FAULT_FILE"])
        trigger.arm_from(file)
        signal.signal(signal.SIGUSR1, lambda _number, _frame: trigger.arm_from(file))


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR2)  # writes every thread's stack, even of a process that hangs in a C call
    armed = Trigger()
    install(armed)
    listen(armed)
    sys.exit(main())
