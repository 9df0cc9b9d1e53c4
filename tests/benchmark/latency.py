"""Latency: from the moment at which an event was due to the moment at which a reader has its committed label."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import msgspec

from tests.benchmark.contender import Contender, Job, Running
from tests.benchmark.model import Model
from tests.benchmark.pacemaker import Pacemaker
from tests.benchmark.reader import Arrived, LabelReader
from tests.benchmark.statistics import Percentiles, percentiles
from tests.benchmark.throughput import Bench, process_groups
from tests.benchmark.usage import OTHERS, Usage

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
    share: float
    """Of what the contender can do, where the rate was chosen by that; 0 where it was given."""
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
    share: float,
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
    total = warm_seconds + seconds
    pace = [sys.executable, "-m", "tests.benchmark.pace", servers.brokers, job.events]
    pace += ["--rate", str(rate), "--seconds", str(total)]
    with Running(commands, bench.log(job)) as running, LabelReader(job) as reader:
        reader.wait_ready(running, READY_SECONDS)
        with Usage(process_groups(servers, running)) as usage:
            arrived = read_paced(pace, reader, running, round(total * rate), total)
    decode = msgspec.json.Decoder(_At).decode
    waited = [(decode(message.value() or b"").at.timestamp(), some.at) for some in arrived for message in some]
    first = min(due for due, _ in waited) + warm_seconds
    measured = [(arrival - due) * 1000 for due, arrival in waited if due >= first]
    cores = [usage.cpu_between(name, first, first + seconds) / seconds for name in ("contender", OTHERS)]
    return Latency(
        contender.name,
        model.units,
        batch,
        tuning.name,
        rate,
        share,
        seconds,
        percentiles(measured),
        len(measured),
        *cores,
    )


def read_paced(pace: Sequence[str], reader: LabelReader, running: Running, count: int, seconds: float) -> list[Arrived]:
    """The labels of `count` events that the command `pace` sends within `seconds`. Raises Contention."""
    with Pacemaker(pace) as pacemaker:
        pacemaker.wait_ready(READY_SECONDS)
        arrived = reader.read(count, seconds + REST_SECONDS, running)
        pacemaker.wait_done(REST_SECONDS)
    return arrived
