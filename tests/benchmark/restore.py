"""How soon a worker is there when it has the states of many users to begin with."""

import time
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]
import redis

from tests.benchmark.contender import Job, Running
from tests.benchmark.model import Model
from tests.benchmark.own import worker_commands
from tests.benchmark.preload import preload
from tests.benchmark.reader import LabelReader
from tests.benchmark.steady import Steady
from tests.benchmark.throughput import Bench

USERS = 1_000_000
READY_SECONDS = 300.0


class Restored(NamedTuple):
    """How soon a worker labels after its start, with the states of many users."""

    users: int
    warm_seconds: float
    """With all of them in Redis."""
    cold_seconds: float
    """With an empty Redis, so that all are restored from the changelog first."""
    redis_bytes: float
    """Per user."""
    megabytes: float
    """Resident memory of the worker after the restore."""

    def __str__(self) -> str:
        return (
            f"{self.users:,} users: first labels {self.warm_seconds:.1f} s after the start with all in Redis, "
            f"{self.cold_seconds:.1f} s with none; {self.redis_bytes:.0f} bytes of Redis per user, "
            f"{self.megabytes:.0f} MB of the worker's memory"
        )


def measure_restore(bench: Bench, model: Model, *, run: str, batch: int) -> Restored:
    """Raises Contention if the worker does not come up."""
    servers, group = bench.servers, f"restore-{run}"
    client = redis.Redis.from_url(servers.redis_url)
    folder = bench.scratch / group
    folder.mkdir()
    job = Job(servers, f"{group}-events", f"{group}-labels", group, model, batch, folder)
    empty = client.info("memory")["used_memory"]
    preload(bench, job, Steady(users=USERS))
    states = sum(client.hlen(key) - 1 for key in client.keys(f"*{group}*"))  # less the watermark
    per_user = (client.info("memory")["used_memory"] - empty) / states
    warm, _ = _start(bench, job)
    client.flushall()
    cold, megabytes = _start(bench, job)
    return Restored(states, warm, cold, per_user, megabytes)


def _start(bench: Bench, job: Job) -> tuple[float, float]:
    """Seconds until a new worker has labelled one event in each partition, and its memory by then in megabytes."""
    started = time.monotonic()
    with LabelReader(job) as reader, Running(worker_commands(job), bench.log(job)) as running:
        reader.wait_ready(running, READY_SECONDS)
        seconds = time.monotonic() - started
        return seconds, psutil.Process(running.processes[0].pid).memory_info().rss / 1e6
