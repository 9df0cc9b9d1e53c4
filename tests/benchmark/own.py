"""The two contenders that are part of this project: the worker, and the ceiling that Kafka sets."""

import sys
from collections.abc import Sequence

from tests.benchmark.contender import EXACTLY_ONCE, Command, Contender, Job
from tests.benchmark.model import ROOT
from worker.adapters.kafka_topics import plan
from worker.assemble import topics_of
from worker.settings import load_settings

WORKER_COMMAND = (sys.executable, "-m", "worker", "run")


def worker_environment(job: Job, instance: str) -> dict[str, str]:
    return {
        "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": job.servers.brokers,
        "SONGPRINT_KAFKA__GROUP": job.group,
        "SONGPRINT_KAFKA__INSTANCE": instance,
        "SONGPRINT_KAFKA__EVENTS_TOPIC": job.events,
        "SONGPRINT_KAFKA__LABELS_TOPIC": job.labels,
        "SONGPRINT_KAFKA__STATE_TOPIC": f"{job.group}-states",
        "SONGPRINT_KAFKA__DEAD_LETTER_TOPIC": f"{job.group}-letters",
        "SONGPRINT_REDIS__URL": job.servers.redis_url,
        "SONGPRINT_MODEL__BUNDLE": str(job.model.bundle),
        "SONGPRINT_BATCH__MAX_EVENTS": str(job.batch),
        "SONGPRINT_HTTP__PORT": "0",
        "SONGPRINT_LOG__FORMAT": "json",
        "MALLOC_ARENA_MAX": "2",  # as in the worker's image
    }


def worker_commands(job: Job) -> Sequence[Command]:
    """Its workers, where the job has its topics already."""
    return [Command(WORKER_COMMAND, worker_environment(job, str(number))) for number in range(job.workers)]


def _prepare_worker(job: Job) -> Sequence[Command]:
    topics = topics_of(load_settings(None, {}, worker_environment(job, "0")))
    configs = {each.name: each.config for each in plan(topics, 1)}
    for name in (topics.states, topics.dead_letters):
        job.servers.create(name, configs[name])
    return worker_commands(job)


def _prepare_copy(job: Job) -> Sequence[Command]:
    script = ROOT / "tests" / "benchmark" / "peers" / "copy" / "contender.py"
    return [Command([sys.executable, str(script)], job.environment())]


COPY = Contender(
    name="copy",
    title="raw transactional copy (no work)",
    promise=EXACTLY_ONCE,
    prepare=_prepare_copy,
    labels=False,
    commits_offsets=True,
)
WORKER = Contender(
    name="songprint",
    title="this worker",
    promise=EXACTLY_ONCE,
    prepare=_prepare_worker,
    commits_offsets=True,
)
