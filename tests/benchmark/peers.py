"""The peers: what one would pick instead of this worker, set up as their documentation advises."""

import subprocess
from collections.abc import Sequence
from functools import partial

from tests.benchmark.contender import AT_LEAST_ONCE, EXACTLY_ONCE, Command, Contender, Job
from tests.benchmark.environments import PEERS, jars_of, python_of

HEAP = "-Xmx1g"


def _environment(job: Job, **more: str) -> dict[str, str]:
    return {**job.environment(), "PYTHONPATH": str(PEERS), "PYTHONDONTWRITEBYTECODE": "1", **more}


def _script(peer: str, arguments: Sequence[str], job: Job) -> Sequence[Command]:
    words = [str(python_of(peer)), str(PEERS / peer / "contender.py"), *arguments]
    return [Command(words, _environment(job), job.folder)]


def _bytewax(job: Job) -> Sequence[Command]:
    python, state = str(python_of("bytewax")), job.folder / "state"
    state.mkdir()
    subprocess.run([python, "-m", "bytewax.recovery", str(state), "1"], check=True)
    snapshots = str(max(1, job.commit_ms // 1000))  # whole seconds; outputs do not wait for them
    words = [python, "-m", "bytewax.run", "flow:flow", "-r", str(state), "-s", snapshots, "-b", "0"]
    return [Command(words, _environment(job), PEERS / "bytewax")]


def _kafka_streams(threads: int, batch: int, job: Job) -> Sequence[Command]:
    words = ["java", HEAP, "-cp", jars_of("kafka_streams"), "peer.Main"]
    return [Command(words, _environment(job, BENCH_THREADS=str(threads), BENCH_MICRO_BATCH=str(batch)), job.folder)]


ALL = (
    Contender(
        name="streams-batched",
        title="Kafka Streams 4.1.1 and ONNX Runtime for Java, 1 thread, micro-batches of 256 by an internal interface",
        promise=EXACTLY_ONCE,
        set_up=partial(jars_of, "kafka_streams"),
        commits_by_time=True,
        prepare=partial(_kafka_streams, 1, 256),
    ),
    Contender(
        name="streams",
        title="Kafka Streams 4.1.1 and ONNX Runtime for Java, 1 thread, event by event",
        promise=EXACTLY_ONCE,
        set_up=partial(jars_of, "kafka_streams"),
        commits_by_time=True,
        prepare=partial(_kafka_streams, 1, 1),
        share=0.5,
    ),
    Contender(
        name="streams-2",
        title="the same, 2 threads",
        promise=EXACTLY_ONCE,
        set_up=partial(jars_of, "kafka_streams"),
        commits_by_time=True,
        prepare=partial(_kafka_streams, 2, 1),
        share=0.5,
    ),
    Contender(
        name="quix",
        title="Quix Streams 3.28, its state store",
        promise=EXACTLY_ONCE,
        set_up=partial(python_of, "quix"),
        commits_by_time=True,
        prepare=partial(_script, "quix", ()),
        share=0.2,
    ),
    Contender(
        name="bytewax",
        title="Bytewax 0.21, recovery snapshots",
        promise=AT_LEAST_ONCE,
        set_up=partial(python_of, "bytewax"),
        prepare=_bytewax,
        share=0.2,
    ),
    Contender(
        name="faust",
        title="Faust 0.15, a table in memory with its changelog",
        promise=AT_LEAST_ONCE,
        set_up=partial(python_of, "faust"),
        prepare=partial(_script, "faust", ("worker", "--loglevel", "warn")),
        share=0.05,
    ),
    Contender(
        name="handwritten",
        title="the usual loop: one event at a time, JSON in Redis, dense model",
        promise=AT_LEAST_ONCE,
        set_up=partial(python_of, "handwritten"),
        prepare=partial(_script, "handwritten", ()),
        share=0.01,
    ),
)
