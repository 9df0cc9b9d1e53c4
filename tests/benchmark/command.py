"""The command line of the benchmark."""

import argparse
import itertools
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from tests.benchmark.contender import Contender
from tests.benchmark.latency import measure_latency
from tests.benchmark.model import ROOT, make_model
from tests.benchmark.own import COPY, WORKER
from tests.benchmark.servers import running_servers
from tests.benchmark.throughput import Bench, Contention, measure_throughput
from tests.benchmark.workload import Workload

CACHE = ROOT / "build" / "benchmark"
CONTENDERS = {each.name: each for each in (COPY, WORKER)}
console = Console(stderr=True, highlight=False, soft_wrap=True)


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except Contention as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--contenders", type=_contenders, default=list(CONTENDERS.values()), metavar="NAME,NAME")
    shared.add_argument("--units", type=_numbers, default=[128, 500], metavar="N,N", help="widths of the code")
    shared.add_argument("--batch", type=_numbers, default=[20_000], metavar="N,N", help="most events of a transaction")
    shared.add_argument("--repeat", type=int, default=3, help="runs of each (3)")
    throughput = commands.add_parser("throughput", parents=[shared], help="events per second over a full topic")
    throughput.add_argument("--events", type=int, default=1_000_000)
    throughput.set_defaults(run=_throughput)
    latency = commands.add_parser("latency", parents=[shared], help="time from event to committed label")
    latency.add_argument("--rate", type=_numbers, default=[1_000], metavar="N,N", help="events per second")
    latency.add_argument("--seconds", type=float, default=20)
    latency.add_argument("--warm-seconds", type=float, default=5)
    latency.set_defaults(run=_latency)
    return parser


def _contenders(text: str) -> list[Contender]:
    names = text.split(",")
    if unknown := [name for name in names if name not in CONTENDERS]:
        raise argparse.ArgumentTypeError(f"no contender {unknown[0]}; there are {', '.join(CONTENDERS)}")
    return [CONTENDERS[name] for name in names]


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


@contextmanager
def _bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="songprint-bench-") as scratch, running_servers(console.print) as servers:
        yield Bench(servers, Path(scratch))


def _throughput(options: argparse.Namespace) -> None:
    models = {units: make_model(CACHE, units, Workload().vocabulary) for units in options.units}
    workload = Workload().scaled(options.events / Workload().events)
    with _bench() as bench:
        for turn in range(options.repeat):
            for units, batch, contender in itertools.product(options.units, options.batch, options.contenders):
                run = f"{units}-{batch}-{turn}"
                share = workload.scaled(contender.share)
                result = measure_throughput(bench, contender, share, models[units], run=run, batch=batch)
                console.print(
                    f"{time.strftime('%H:%M:%S')} {contender.name} units {units} batch {batch}: "
                    f"{result.rate:,.0f} events/s (warm {result.warm_rate:,.0f}), "
                    f"CPU us/event {result.cpu['contender']:.2f} (warm {result.warm_cpu['contender']:.2f}), "
                    f"broker {result.cpu['broker']:.2f}, redis {result.cpu['redis']:.2f}, "
                    f"{result.resident['contender'] / 1e6:.0f} MB, {result.verdict.words}"
                )
                bench.servers.delete_all_but({workload.topic, share.topic})


def _latency(options: argparse.Namespace) -> None:
    models = {units: make_model(CACHE, units, Workload().vocabulary) for units in options.units}
    with _bench() as bench:
        for turn in range(options.repeat):
            for units, batch, rate, contender in itertools.product(
                options.units, options.batch, options.rate, options.contenders
            ):
                result = measure_latency(
                    bench,
                    contender,
                    models[units],
                    run=f"{units}-{batch}-{rate}-{turn}",
                    batch=batch,
                    rate=rate,
                    seconds=options.seconds,
                    warm_seconds=options.warm_seconds,
                )
                ms = result.milliseconds
                console.print(
                    f"{time.strftime('%H:%M:%S')} {contender.name} units {units} at {rate}/s: p50 {ms.p50:.1f} "
                    f"p99 {ms.p99:.1f} p99.9 {ms.p999:.1f} max {ms.most:.1f} ms, {result.cpu:.2f} cores"
                )
                bench.servers.delete_all_but(set())
