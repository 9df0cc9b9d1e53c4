"""What a stream of some size needs, from the costs that a session has measured: where to begin, not a promise."""

import math
from typing import NamedTuple

from tests.benchmark.report import Report
from tests.benchmark.scale import AS_USUAL

RATES = (10_000, 100_000, 1_000_000)
"""Events a second at the busiest time."""
USERS_PER_EVENT = 100
"""Users for each event a second: at the busiest time each of them changes a playlist every 100 seconds."""
LOAD = 0.5
"""Of what a worker can do, so that a restore, or a worker that is away, can be caught up with."""
PARTITIONS_PER_POD = 2
"""Their number is for good, that of the pods is not."""


class Cost(NamedTuple):
    rate: float
    """Events a second of one worker."""
    worker_us: float
    """Microseconds of CPU per event."""
    broker_us: float
    redis_us: float
    user_bytes: float
    """Of Redis."""


class Size(NamedTuple):
    rate: int
    users: int
    partitions: int
    pods: int
    worker_cores: float
    """Of all pods together."""
    broker_cores: float
    redis_cores: float
    redis_gb: float


def measured_cost(report: Report) -> Cost | None:
    """Of one worker under the usual conditions; None if they, or the restore, were not measured."""
    usual = report.scale.get(AS_USUAL)
    if usual is None or not usual.rate.median or not report.restored:
        return None
    cpu = (usual.cpu.median, usual.broker_cpu.median, usual.redis_cpu.median)
    return Cost(usual.rate.median, *cpu, report.restored[-1].redis_bytes.median)


def size_for(rate: int, cost: Cost) -> Size:
    """What `rate` events a second need."""
    users, pods = rate * USERS_PER_EVENT, math.ceil(rate / (LOAD * cost.rate))
    cores = (rate * microseconds / 1e6 for microseconds in (cost.worker_us, cost.broker_us, cost.redis_us))
    return Size(rate, users, pods * PARTITIONS_PER_POD, pods, *cores, users * cost.user_bytes / 1e9)
