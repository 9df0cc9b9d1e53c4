"""The command line of the benchmark."""

import argparse
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import KafkaException
from rich.console import Console

from deploy.local.errors import LocalStackError
from deploy.local.signals import leave_on_signals
from tests.benchmark import own, peers
from tests.benchmark.contender import Contender
from tests.benchmark.environments import CACHE
from tests.benchmark.last import read_last, save_last
from tests.benchmark.regression import complaints
from tests.benchmark.report import Report, encoded, make_report
from tests.benchmark.results import Results
from tests.benchmark.session import Plan, Session
from tests.benchmark.tables import as_markdown

CONTENDERS = {each.name: each for each in (own.COPY, own.WORKER, *peers.ALL)}
PARTS: dict[str, Callable[[Session], None]] = {
    "throughput": Session.throughput,
    "latency": Session.latency,
    "scale": Session.scale,
    "stages": Session.stage,
}
INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    leave_on_signals()
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    plan, results = _plan(options), Results()
    try:
        with Session(plan, results, console.print) as session:
            for name, measure in PARTS.items():
                if name in options.parts or not options.parts:
                    measure(session)
    except (LocalStackError, KafkaException) as error:
        console.print(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    finally:  # what was measured until then is not lost
        report = make_report(plan.contenders, results)
        _write(report, options.out)
    print(as_markdown(report))
    worse = complaints(read_last(), report)
    for line in worse:
        console.print(line)
    if options.save:
        save_last(report)
    return 1 if options.strict and worse else 0


def _write(report: Report, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(report))
    path.with_suffix(".md").write_text(as_markdown(report))


def _plan(options: argparse.Namespace) -> Plan:
    return Plan(
        contenders=options.contenders,
        units=options.units,
        batches=options.batch,
        events=options.events,
        repeat=options.repeat,
        rates=options.rate,
        seconds=options.seconds,
        quiet_seconds=options.quiet,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmark",
        description="How fast the worker is, beside the raw copy and what else one might pick; each contender alone on "
        "servers of its own, in turns. Without a part: all of them (two to three hours).",
    )
    parser.add_argument(
        "parts",
        nargs="*",
        type=_part,
        metavar="PART",
        help=f"only these of {', '.join(PARTS)}; latency at 70 %% of capacity needs the throughput of the same session",
    )
    _add_plan(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=CACHE / "result.json",
        metavar="FILE.json",
        help="where the results go, with a table beside them",
    )
    parser.add_argument("--save", action="store_true", help="make this the last result, in the parts that it has")
    parser.add_argument(
        "--strict", action="store_true", help="exit with 1 if the worker failed or is more than 10 %% slower"
    )
    return parser


def _add_plan(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--contenders",
        type=_contenders,
        default=list(CONTENDERS.values()),
        metavar="NAME,…",
        help=", ".join(CONTENDERS),
    )
    widths = "widths of the code (128,256,500)"
    parser.add_argument("--units", type=_counts, default=[128, 256, 500], metavar="N,…", help=widths)
    parser.add_argument(
        "--batch", type=_counts, default=[20_000], metavar="N,…", help="most events of one transaction (20000)"
    )
    parser.add_argument("--events", type=_count, default=1_000_000, metavar="N", help="events of one run (1000000)")
    parser.add_argument("--repeat", type=_count, default=3, metavar="N", help="runs of each (3)")
    parser.add_argument(
        "--rate", type=_counts, default=[100, 1_000, 10_000], metavar="N,…", help="events per second, for latency"
    )
    parser.add_argument("--seconds", type=float, default=20, metavar="S", help="length of a latency run (20)")
    parser.add_argument(
        "--quiet", type=float, default=30, metavar="S", help="how long to wait for a quiet machine before a run (30)"
    )


def _part(text: str) -> str:
    if text not in PARTS:
        raise argparse.ArgumentTypeError(f"there is no part {text!r}, only {', '.join(PARTS)}")
    return text


def _contenders(text: str) -> list[Contender]:
    names = text.split(",")
    if unknown := [name for name in names if name not in CONTENDERS]:
        raise argparse.ArgumentTypeError(f"there is no contender {unknown[0]!r}, only {', '.join(CONTENDERS)}")
    return [CONTENDERS[name] for name in names]


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _counts(text: str) -> list[int]:
    return [_count(each) for each in text.split(",")]
