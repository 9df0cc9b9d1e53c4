"""What the worker knows before a measurement begins: everyone's playlist, in its changelog and in Redis."""

from tests.benchmark.contender import Job, Running
from tests.benchmark.own import WORKER
from tests.benchmark.steady import Steady
from tests.benchmark.throughput import Bench, wait_until_committed


def preload(bench: Bench, job: Job, playlists: Steady) -> None:
    """Makes the job's topics, has its workers label a snapshot of every user, and stops them.

    Raises Contention if they do not get it done.
    """
    servers = job.servers
    servers.create(job.events, {"retention.ms": "-1"})
    servers.create(job.labels)
    servers.send(job.events, playlists.snapshots())
    with Running(WORKER.prepare(job), bench.log(job)) as running:
        wait_until_committed(job, running)
