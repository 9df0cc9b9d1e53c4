"""Throughput: one run of one contender over a topic that is full, alone on the servers."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.benchmark.contender import Command, Contender, Contention, Job, Running
from tests.benchmark.model import Model
from tests.benchmark.outputs import read_outputs
from tests.benchmark.servers import Servers
from tests.benchmark.usage import OTHERS, Usage
from tests.benchmark.verdict import Verdict, broken_promise, judge_copies, judge_labels
from tests.benchmark.workload import Changes, Workload

POLL_SECONDS = 0.2
DISTURBING_CORES = 0.3
QUIET_SECONDS = 3.0
"""Without a new record a contender that has written enough is done."""
STALLED_SECONDS = 60.0
GROUPS = ("contender", "broker", "redis")
WARM_FROM = 0.3
"""Share of the outputs after which a contender counts as warm: compilers have compiled, caches are filled."""


@dataclass(frozen=True)
class Throughput:
    """What one run has shown. Times are the broker's: when it took the records, in whichever way they were written."""

    contender: str
    units: int
    batch: int
    workers: int
    events: int
    rate: float
    """Events a second from the first output to the last."""
    warm_rate: float
    """The same without the first outputs (`WARM_FROM`)."""
    start_seconds: float
    """From the start of the process to its first output."""
    cpu: Mapping[str, float]
    """Microseconds of CPU per event of the contender, the broker and Redis, from the first output to the last."""
    warm_cpu: Mapping[str, float]
    resident: Mapping[str, int]
    """Most bytes of memory."""
    verdict: Verdict
    mean_songs: float
    """Songs of a labelled playlist."""
    others: float
    """Cores that were busy with something else."""

    def __str__(self) -> str:
        return (
            f"{self.contender}, {self.units} units, batches of {self.batch}: {self.rate:,.0f} events/s "
            f"(warm {self.warm_rate:,.0f}); CPU us/event {self.cpu['contender']:.2f} (warm "
            f"{self.warm_cpu['contender']:.2f}), broker {self.cpu['broker']:.2f}, Redis {self.cpu['redis']:.2f}; "
            f"{self.resident['contender'] / 1e6:.0f} MB; {self.verdict}; others used {self.others:.2f} cores"
        )


def quiet(runs: Sequence[Throughput]) -> Sequence[Throughput]:
    """The runs that nothing else on the machine has disturbed much; all of them if there is none."""
    return [run for run in runs if run.others <= DISTURBING_CORES] or runs


@dataclass(frozen=True)
class Bench:
    """What all runs of a session share."""

    servers: Servers
    scratch: Path
    """For the contenders' state; goes with the session."""
    logs: Path
    """Stays."""

    def log(self, job: Job) -> Path:
        """Where the job's processes write."""
        return self.logs / f"{job.group}.log"


def measure_throughput(
    bench: Bench, contender: Contender, workload: Workload, model: Model, *, run: str, batch: int
) -> Throughput:
    """One run over a workload. Raises Contention as `measure_job` does."""
    group = f"{contender.name}-{run}"
    bench.servers.fill(workload)
    folder = bench.scratch / group
    folder.mkdir(parents=True)
    job = Job(bench.servers, workload.topic, f"{group}-labels", group, model, batch, folder)
    return measure_job(bench, contender, job, contender.prepare(job), workload)


def measure_job(
    bench: Bench, contender: Contender, job: Job, commands: Sequence[Command], workload: Changes
) -> Throughput:
    """Runs `commands` on a job whose events are there and whose topic of labels is not.

    Raises Contention if the contender ends, stalls, or its outputs are not what it promises.
    """
    servers = job.servers
    servers.create(job.labels, {"message.timestamp.type": "LogAppendTime"})
    started = time.time()
    with Running(commands, bench.log(job)) as running, Usage(process_groups(servers, running)) as usage:
        if contender.commits_offsets:
            wait_until_committed(job, running)
        else:
            wait_until_done(job, running, workload.events)
    outputs = read_outputs(servers.brokers, job.labels, servers.end_offsets(job.labels), labels=contender.labels)
    if contender.labels:
        verdict = judge_labels(outputs.labels, workload, job.model)
    else:
        verdict = judge_copies(len(outputs.times), workload)
    if broken_promise(contender, verdict):
        raise Contention(f"{job.group} promises every output {contender.promise}, but: {verdict}; see {bench.log(job)}")
    whole, warm = Window(outputs.times, 0.0), Window(outputs.times, WARM_FROM)
    return Throughput(
        contender.name,
        job.model.units,
        job.batch,
        job.workers,
        len(outputs.times),
        whole.rate,
        warm.rate,
        float(outputs.times[0]) - started,
        whole.cpu(usage),
        warm.cpu(usage),
        {name: usage.peak(name) for name in GROUPS},
        verdict,
        float(np.mean([label.songs for label in outputs.labels])) if outputs.labels else 0.0,
        whole.others(usage),
    )


def process_groups(servers: Servers, running: Running) -> dict[str, list[int]]:
    assert servers.broker.session is not None
    assert servers.cache.session is not None
    return {
        "contender": [process.pid for process in running.processes],
        "broker": [servers.broker.session],
        "redis": [servers.cache.session],
    }


def wait_until_done(job: Job, running: Running, events: int) -> None:
    """Until there are at least as many outputs as events, and no more come. Raises Contention."""
    _wait(job, running, events, QUIET_SECONDS, lambda: job.servers.ends(job.labels))


def wait_until_committed(job: Job, running: Running) -> None:
    """Until the job's group has committed all events. Raises Contention.

    Where a contender commits its offsets this is surer than counting outputs, among which are those of aborted
    transactions: with several workers, each that joins while others are at work aborts some.
    """
    servers = job.servers
    _wait(job, running, servers.ends(job.events), 0.0, lambda: servers.committed(job.group, job.events))


def _wait(job: Job, running: Running, events: int, quiet: float, look: Callable[[], int]) -> None:
    there, changed = 0, time.monotonic()
    while there < events or time.monotonic() - changed < quiet:
        time.sleep(POLL_SECONDS)
        if problem := running.ended():
            raise Contention(f"{job.group} ended by itself; its log {running.log} ends with\n{problem}")
        now = look()
        if now != there:
            there, changed = now, time.monotonic()
        elif time.monotonic() - changed > STALLED_SECONDS:
            raise Contention(f"{job.group} stands still after {there} of {events} events; see {running.log}")


class Window:
    """The outputs from a share of them on."""

    def __init__(self, times: NDArray[np.float64], share: float) -> None:
        self.start = float(times[int(share * (len(times) - 1))])
        self.stop = float(times[-1])
        self.count = int((times > self.start).sum())

    @property
    def rate(self) -> float:
        return self.count / (self.stop - self.start) if self.stop > self.start else 0.0

    def cpu(self, usage: Usage) -> dict[str, float]:
        """Microseconds per event."""
        return {name: usage.cpu_between(name, self.start, self.stop) / max(1, self.count) * 1e6 for name in GROUPS}

    def others(self, usage: Usage) -> float:
        return usage.cpu_between(OTHERS, self.start, self.stop) / max(self.stop - self.start, 1e-3)
