"""What a session has measured so far, run by run."""

from dataclasses import dataclass, field

import msgspec

from tests.benchmark.latency import Latency
from tests.benchmark.restore import Restored
from tests.benchmark.stages import Stages
from tests.benchmark.throughput import Throughput


class Failure(msgspec.Struct, frozen=True):
    """A run that gave no result."""

    contender: str
    what: str
    """What was to be measured, and under which conditions."""
    why: str

    def __str__(self) -> str:
        return f"{self.contender}, {self.what}: {self.why}"


@dataclass
class Results:
    throughputs: list[Throughput] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    points: dict[str, list[Throughput]] = field(default_factory=dict)
    """Runs under other conditions than the usual ones, by what is different."""
    restored: list[Restored] = field(default_factory=list)
    stages: list[Stages] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """What was not tried, and why."""
