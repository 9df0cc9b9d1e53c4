"""How the worker's cost changes with workers, vocabulary, playlists and users; and how soon it is there."""

import time
from dataclasses import dataclass, replace

import msgspec
import psutil  # type: ignore[import-untyped]
import redis

from tests.benchmark.contender import Command, Job, Running
from tests.benchmark.model import Model
from tests.benchmark.own import WORKER, WORKER_COMMAND, worker_environment
from tests.benchmark.reader import LabelReader
from tests.benchmark.throughput import Bench, wait_until_done
from tests.benchmark.workload import Workload

UNITS = 128
WORKERS = (2, 4)
VOCABULARIES = (1_000, 200_000, 1_000_000)
USERS = (10_000, 100_000, 1_000_000)
RESTORED_USERS = 1_000_000
READY_SECONDS = 300.0


@dataclass(frozen=True)
class Point:
    """One throughput run of the worker."""

    question: str
    workload: Workload
    workers: int = 1


def points(events: int) -> list[Point]:
    """What is varied, one thing at a time."""
    usual = Workload().scaled(events / Workload().events)
    long = replace(usual, events=usual.events // 10, users=usual.users // 20, added=20)
    return [
        Point("as usual", usual),
        *(Point(f"{workers} workers", usual, workers) for workers in WORKERS),
        *(Point(f"{size:,} songs in the vocabulary", replace(usual, vocabulary=size)) for size in VOCABULARIES),
        Point("short playlists", replace(usual, users=usual.users * 5)),
        Point("long playlists", long),
        *(Point(f"{users:,} users", replace(usual, users=users)) for users in USERS),
    ]


class Restored(msgspec.Struct, frozen=True):
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


def measure_restore(bench: Bench, model: Model, *, run: str, users: int = RESTORED_USERS) -> Restored:
    """Raises Contention if the worker does not come up."""
    servers = bench.servers
    client = redis.Redis.from_url(servers.redis_url)
    workload = Workload(events=users, users=users, added=10)
    group, folder = f"restore-{run}", bench.scratch / f"restore-{run}"
    folder.mkdir()
    servers.fill(workload)
    servers.create(f"{group}-labels")
    job = Job(servers, workload.topic, f"{group}-labels", group, model, 20_000, folder)
    commands = WORKER.prepare(job)
    empty = client.info("memory")["used_memory"]
    with Running(commands, bench.logs / f"{group}.log") as running:
        wait_until_done(job, running, workload.events)
    states = sum(client.hlen(key) - 1 for key in client.keys(f"*{group}*"))
    per_user = (client.info("memory")["used_memory"] - empty) / states
    warm, _ = _start(bench, job)
    client.flushall()
    cold, megabytes = _start(bench, job)
    return Restored(states, warm, cold, per_user, megabytes)


def _start(bench: Bench, job: Job) -> tuple[float, float]:
    """Seconds until a new worker has labelled one event in each partition, and its memory by then in megabytes."""
    started = time.monotonic()
    commands = [Command(WORKER_COMMAND, worker_environment(job, "0"))]
    with LabelReader(job) as reader, Running(commands, bench.logs / f"{job.group}.log") as running:
        reader.wait_ready(running, READY_SECONDS)
        seconds = time.monotonic() - started
        return seconds, psutil.Process(running.processes[0].pid).memory_info().rss / 1e6
