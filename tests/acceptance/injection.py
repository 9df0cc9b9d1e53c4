"""One fault put into a running system."""

import traceback
from collections.abc import Callable
from random import Random
from typing import NamedTuple

from tests.acceptance.recovery import Recovery
from tests.acceptance.system import System


class Missed(Exception):
    """The fault could not be brought about, for example as no worker came to the step in time. No injection."""


class Injection:
    """What a fault gets to work with, and what comes of it."""

    def __init__(self, system: System, random: Random) -> None:
        self.system = system
        self.random = random
        self.recovery: Recovery | None = None

    def strike(self) -> None:
        """The damage is done now: from here on recovery is timed."""
        self.recovery = self.system.watch.begin(dict(self.system.ledger.ends))

    def wait_recovered(self, seconds: float) -> None:
        """Returns when all partitions have labels again, or when the time is over."""
        if self.recovery is not None:
            self.recovery.done.wait(seconds)

    def some_worker(self) -> str:
        return self.random.choice(self.system.group.names)


class Fault(NamedTuple):
    name: str
    part: str
    """worker, broker, redis, network or input: what it strikes. Only faults of different parts are mixed."""
    inject: Callable[[Injection], None]
    """Strikes, and returns when what it broke is whole again."""


class Outcome(NamedTuple):
    fault: str
    alone: bool
    """Whether no other fault was in at the same time."""
    missed: str
    """Why it did not come about; empty if it did."""
    seconds: float | None
    """From the fault to the next committed label, of the partition that waited longest."""


def inject(fault: Fault, injection: Injection, recovered_within: float, *, alone: bool) -> Outcome:
    """Injects and waits until all partitions have labels again; `seconds` stays None if they do not in time."""
    try:
        fault.inject(injection)
    except Missed as reason:
        return Outcome(fault.name, alone, str(reason), None)
    except Exception:
        return Outcome(fault.name, alone, traceback.format_exc(), None)
    recovery = injection.recovery
    if recovery is None:
        return Outcome(fault.name, alone, "it never struck", None)
    recovery.done.wait(recovered_within)
    return Outcome(fault.name, alone, "", recovery.seconds)
