"""What a session has measured so far, run by run."""

from dataclasses import dataclass, field

from tests.benchmark.latency import Latency
from tests.benchmark.scale import Restored
from tests.benchmark.stages import Stages
from tests.benchmark.throughput import Throughput


@dataclass
class Results:
    throughputs: list[Throughput] = field(default_factory=list)
    latencies: list[Latency] = field(default_factory=list)
    points: dict[str, list[Throughput]] = field(default_factory=dict)
    """Runs under other conditions than the usual ones, by what is different."""
    restored: list[Restored] = field(default_factory=list)
    stages: list[Stages] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    """What could not be measured, and why."""
