"""Latency: from the moment at which an event was due to the moment at which a reader has its committed label."""

import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec
from confluent_kafka import Consumer, Message, Producer, TopicPartition

from tests.benchmark.contender import Contender, Contention, Job, Running
from tests.benchmark.model import ROOT, Model
from tests.benchmark.servers import PARTITIONS
from tests.benchmark.statistics import Percentiles, percentiles
from tests.benchmark.throughput import Bench, process_groups
from tests.benchmark.usage import OTHERS, Usage
from tests.benchmark.workload import Change

READY_SECONDS = 90.0
REST_SECONDS = 15.0
"""How long the last labels may take after the last event."""


class Tuning(NamedTuple):
    """How those that commit by time are set."""

    name: str
    commit_ms: int
    linger_ms: int


AS_DOCUMENTED = Tuning("as documented", commit_ms=100, linger_ms=5)
FOR_LATENCY = Tuning("for latency", commit_ms=10, linger_ms=0)


@dataclass(frozen=True)
class Latency:
    contender: str
    units: int
    batch: int
    tuning: str
    rate: float
    seconds: float
    milliseconds: Percentiles
    labels: int
    cpu: float
    """Cores that the contender kept busy."""
    others: float
    """Cores that were busy with something else: the paced producer, and what disturbed."""

    def __str__(self) -> str:
        of = self.milliseconds
        return (
            f"{self.contender} {self.tuning}, {self.units} units, {self.rate:,.0f} events/s: p50 {of.p50:.1f}, "
            f"p99 {of.p99:.1f}, p99.9 {of.p999:.1f}, most {of.most:.1f} ms; {self.cpu:.2f} cores; others used "
            f"{self.others:.2f} cores"
        )


class _At(msgspec.Struct):
    at: datetime


def measure_latency(
    bench: Bench,
    contender: Contender,
    model: Model,
    *,
    run: str,
    batch: int,
    rate: float,
    seconds: float,
    warm_seconds: float,
    tuning: Tuning,
) -> Latency:
    """Latency over `seconds`, after `warm_seconds` at the same rate that do not count."""
    servers, group = bench.servers, f"{contender.name}-{run}"
    for topic in ("events", "labels"):
        servers.create(f"{group}-{topic}")
    folder = bench.scratch / group
    folder.mkdir(parents=True)
    job = Job(
        servers,
        f"{group}-events",
        f"{group}-labels",
        group,
        model,
        batch,
        folder,
        commit_ms=tuning.commit_ms,
        linger_ms=tuning.linger_ms,
    )
    commands = contender.prepare(job)
    pace = [sys.executable, "-m", "tests.benchmark.pace", servers.brokers, job.events]
    with Running(commands, bench.logs / f"{group}.log") as running, _Reader(job) as reader:
        reader.wait_ready(running)
        with Usage(process_groups(servers, running)) as usage:
            total = warm_seconds + seconds
            producer = subprocess.Popen([*pace, "--rate", str(rate), "--seconds", str(total)], cwd=ROOT)
            arrivals = reader.read(round(total * rate), total + REST_SECONDS)
            if producer.wait(REST_SECONDS):
                raise Contention("the paced producer failed")
    first = min(due for due, _ in arrivals) + warm_seconds
    measured = [(arrived - due) * 1000 for due, arrived in arrivals if due >= first]
    cores = [usage.cpu_between(name, first, first + seconds) / seconds for name in ("contender", OTHERS)]
    return Latency(
        contender.name, model.units, batch, tuning.name, rate, seconds, percentiles(measured), len(measured), *cores
    )


class _Reader:
    """A reader of committed labels that notes when it has them, and looks at them afterwards."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __enter__(self) -> "_Reader":
        self._consumer = Consumer(
            {
                "bootstrap.servers": self._job.servers.brokers,
                "group.id": "benchmark-latency",
                "isolation.level": "read_committed",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "fetch.queue.backoff.ms": 10,
            }
        )
        self._consumer.assign([TopicPartition(self._job.labels, number, 0) for number in range(PARTITIONS)])
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def wait_ready(self, running: Running) -> None:
        """Until an event in each partition has its label."""
        producer = Producer({"bootstrap.servers": self._job.servers.brokers})
        event = Change(0, [0]).value(b',"at":"2026-01-01T00:00:00.000000Z"')
        for partition in range(PARTITIONS):
            producer.produce(self._job.events, event, b"user-0", partition)
        producer.flush(READY_SECONDS)
        seen: set[int] = set()
        given_up = time.monotonic() + READY_SECONDS
        while len(seen) < PARTITIONS:
            if problem := running.ended():
                raise Contention(f"{self._job.group} ended by itself; its log {running.log} ends with\n{problem}")
            if time.monotonic() > given_up:
                raise Contention(f"{self._job.group} has not labelled anything; see {running.log}")
            seen.update(len(seen) + number for number, _ in enumerate(self._some()))

    def read(self, count: int, seconds: float) -> list[tuple[float, float]]:
        """When each of `count` events was due and when its label arrived, in seconds since 1970."""
        arrived: list[tuple[float, list[Message]]] = []
        there, given_up = 0, time.monotonic() + seconds
        while there < count:
            if time.monotonic() > given_up:
                raise Contention(f"{self._job.group}: {there} of {count} labels arrived in time")
            if messages := self._some():
                arrived.append((time.time(), messages))
                there += len(messages)
        decode = msgspec.json.Decoder(_At).decode
        return [(decode(message.value() or b"").at.timestamp(), at) for at, some in arrived for message in some]

    def _some(self) -> list[Message]:
        first = self._consumer.poll(0.1)
        messages = [] if first is None else [first, *self._consumer.consume(1_000, 0)]
        for message in messages:
            if message.error() is not None:
                raise Contention(f"reading {self._job.labels}: {message.error().str()}")
        return messages
