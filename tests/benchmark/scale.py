"""How the worker's cost changes with workers, vocabulary, playlists and users, one of them at a time."""

from dataclasses import dataclass, replace

from tests.benchmark.contender import Job
from tests.benchmark.model import Model
from tests.benchmark.own import WORKER, worker_commands
from tests.benchmark.preload import preload
from tests.benchmark.steady import Steady
from tests.benchmark.throughput import Bench, Throughput, measure_job

UNITS = 128
AS_USUAL = "as usual"
WORKERS = (2, 4)
VOCABULARIES = (1_000, 200_000, 1_000_000)
SONGS = (5, 30, 300)
USERS = (10_000, 100_000, 1_000_000, 5_000_000)


@dataclass(frozen=True)
class Point:
    """One throughput run of the worker."""

    question: str
    workload: Steady
    workers: int = 1


def points(events: int) -> list[Point]:
    """What is varied, one thing at a time."""
    usual = Steady(events=events)
    return [
        Point(AS_USUAL, usual),
        *(Point(f"{workers} workers", usual, workers) for workers in WORKERS),
        *(Point(f"{size:,} songs in the vocabulary", replace(usual, vocabulary=size)) for size in VOCABULARIES),
        *(Point(f"{songs} songs a user", replace(usual, songs=songs)) for songs in SONGS),
        *(Point(f"{users:,} users", replace(usual, users=users)) for users in USERS),
    ]


def measure_point(bench: Bench, point: Point, model: Model, *, run: str, batch: int) -> Throughput:
    """The changes alone count: the playlists are known before, and as long afterwards. Raises Contention."""
    servers, group = bench.servers, f"{WORKER.name}-{run}"
    folder = bench.scratch / group
    folder.mkdir(parents=True)
    before = Job(servers, f"{group}-events", f"{group}-first-labels", group, model, batch, folder, point.workers)
    preload(bench, before, point.workload)
    servers.send(before.events, point.workload.changes())
    job = replace(before, labels=f"{group}-labels")
    return measure_job(bench, WORKER, job, worker_commands(job), point.workload)
