"""python -m tests.acceptance.long_life: does a worker stay the size it is, over millions of events and many models?"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, median_low
from typing import NamedTuple

from deploy.local.signals import leave_on_signals
from deploy.local.stack import KAFKA_VARIABLE, REDIS_VARIABLE, LocalStack
from tests.acceptance.events import EventMaker
from tests.acceptance.ledger import Ledger
from tests.acceptance.system import export_bundles, link, scratch
from tests.stream import Stream, WorkerProcess, eventually

USERS = 5_000
HOT_BYTES = 4_000_000
"""Less than the users' states take, so that they come and go."""
DISTINCT = 50_000
MIB = 1 << 20
INTERRUPTED = 130


class Sample(NamedTuple):
    """What the worker takes, as the kernel and its own metrics tell."""

    events: int
    resident: float
    """MiB"""
    files: int
    threads: int
    series: int
    """Lines of its metrics page."""


class Growth(NamedTuple):
    """From the second quarter of a life to the last; the first quarter is for warming up."""

    resident: float
    """MiB, of the means."""
    files: int
    """Of the middle values, as the following: a thread that answers a scrape comes and goes with its connection."""
    threads: int
    series: int


def live(
    stream: Stream, bundles: Sequence[Path], deployed: Path, events: int, swaps: int, report: Callable[[Sample], None]
) -> list[Sample]:
    """Sends `events` in as many parts as there are `swaps`, with another model deployed after each."""
    ledger = Ledger(stream.settings.kafka.bootstrap_servers, stream.topics.events)
    maker = EventMaker(seed=1, users=USERS)
    values = [maker.next() for _ in range(DISTINCT)]
    samples = []
    with stream.worker() as worker:
        for swap in range(swaps):
            start = events * swap // swaps
            for number in range(start, events * (swap + 1) // swaps):
                ledger.send(values[number % DISTINCT])
                if number % 100 == 0:
                    ledger.poll()
            ledger.flush()
            _wait_until_labelled(worker, ledger.count)
            link(bundles[(swap + 1) % len(bundles)], deployed)
            _wait_until_swapped(worker, swap + 1)
            samples.append(sample(worker, ledger.count))
            report(samples[-1])
    return samples


def _wait_until_labelled(worker: WorkerProcess, count: int) -> None:
    eventually(lambda: worker.metric("songprint_events_total") >= count, f"{count} events are labelled", 300)


def _wait_until_swapped(worker: WorkerProcess, count: int) -> None:
    loaded = 'songprint_model_reloads_total{result="loaded"}'
    eventually(lambda: worker.metric(loaded) >= count, f"model number {count} is in use")


def sample(worker: WorkerProcess, events: int) -> Sample:
    process = Path("/proc", str(worker.process.pid))
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return Sample(
        events,
        int(status["VmRSS"].split()[0]) * 1024 / MIB,
        len(list((process / "fd").iterdir())),
        int(status["Threads"]),
        sum(not line.startswith("#") for line in worker.get("/metrics").splitlines()),
    )


def growth(samples: Sequence[Sample]) -> Growth:
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    return Growth(
        fmean(each.resident for each in late) - fmean(each.resident for each in early),
        median_low(each.files for each in late) - median_low(each.files for each in early),
        median_low(each.threads for each in late) - median_low(each.threads for each in early),
        median_low(each.series for each in late) - median_low(each.series for each in early),
    )


def environment(deployed: Path) -> dict[str, str]:
    return {
        "SONGPRINT_MODEL__BUNDLE": str(deployed),
        "SONGPRINT_MODEL__WATCH_INTERVAL_S": "0.1",
        "SONGPRINT_MODEL__RELABEL_RATE": "100000",
        "SONGPRINT_POLICY__MAX_HOT_BYTES": str(HOT_BYTES),
        "SONGPRINT_LOG__FORMAT": "json",
    }


def run(folder: Path, events: int, swaps: int, report: Callable[[Sample], None]) -> list[Sample]:
    bundles = export_bundles(folder)
    deployed = folder / "deployed"
    link(bundles[0], deployed)
    with LocalStack() as stack:
        servers = {KAFKA_VARIABLE: stack.bootstrap_servers, REDIS_VARIABLE: stack.redis_url}
        stream = Stream({**servers, **environment(deployed)}, folder)
        stream.create_topics()
        return live(stream, bundles, deployed, events, swaps, report)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.long_life", description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--swaps", type=int, default=200, help="how often another model is deployed")
    options = parser.parse_args(arguments)
    leave_on_signals()
    started = time.monotonic()
    try:
        with scratch(keep=False) as folder:
            samples = run(folder, options.events, options.swaps, _tell)
    except KeyboardInterrupt:
        return INTERRUPTED
    print(f"from the second quarter to the last: {growth(samples)}; {time.monotonic() - started:.0f} s")
    return 0


def _tell(taken: Sample) -> None:
    print(taken, flush=True)


if __name__ == "__main__":
    sys.exit(main())
