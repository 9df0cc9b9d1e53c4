"""The results of a session: as a document, and as tables to read."""

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import msgspec
import psutil

from tests.benchmark.contender import Contender
from tests.benchmark.latency import Latency
from tests.benchmark.statistics import Spread, spread
from tests.benchmark.throughput import Throughput

FORMAT = 1


class ThroughputRow(msgspec.Struct, frozen=True):
    """Repeated runs of one contender under the same conditions."""

    contender: str
    units: int
    batch: int
    workers: int
    events: int
    rate: Spread
    warm_rate: Spread
    cpu: Spread
    warm_cpu: Spread
    broker_cpu: Spread
    redis_cpu: Spread
    megabytes: Spread
    start_seconds: Spread
    mean_songs: float
    missing: int
    repeated: int
    wrong: int
    checked: int
    others: Spread


class LatencyRow(msgspec.Struct, frozen=True):
    contender: str
    units: int
    tuning: str
    rate: float
    p50: Spread
    p99: Spread
    p999: Spread
    cores: Spread
    others: Spread


class Report(msgspec.Struct, frozen=True):
    format: int
    taken: str
    machine: Mapping[str, Any]
    contenders: Mapping[str, Mapping[str, str]]
    throughput: list[ThroughputRow]
    latency: list[LatencyRow]
    failures: list[str]


def make_report(
    contenders: Iterable[Contender],
    throughputs: Iterable[Throughput],
    latencies: Iterable[Latency],
    failures: list[str],
) -> Report:
    return Report(
        FORMAT,
        datetime.now(UTC).isoformat(timespec="seconds"),
        _machine(),
        {each.name: {"title": each.title, "promise": each.promise} for each in contenders},
        [_throughput_row(runs) for runs in _alike(throughputs, lambda run: (run.units, run.batch, run.workers))],
        [_latency_row(runs) for runs in _alike(latencies, lambda run: (run.units, run.rate, run.tuning))],
        failures,
    )


def _alike(results: Iterable[Any], conditions: Callable[[Any], tuple[Any, ...]]) -> list[list[Any]]:
    """Runs under the same conditions, together, in the order in which they came up."""
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for result in results:
        groups.setdefault((*conditions(result), result.contender), []).append(result)
    return [groups[key] for key in sorted(groups, key=lambda key: key[:-1])]


def _throughput_row(runs: Sequence[Throughput]) -> ThroughputRow:
    first = runs[0]
    verdicts = [run.verdict for run in runs]
    return ThroughputRow(
        first.contender,
        first.units,
        first.batch,
        first.workers,
        first.events,
        spread([run.rate for run in runs]),
        spread([run.warm_rate for run in runs]),
        spread([run.cpu["contender"] for run in runs]),
        spread([run.warm_cpu["contender"] for run in runs]),
        spread([run.cpu["broker"] for run in runs]),
        spread([run.cpu["redis"] for run in runs]),
        spread([run.resident["contender"] / 1e6 for run in runs]),
        spread([run.start_seconds for run in runs]),
        first.mean_songs,
        missing=sum(verdict.missing for verdict in verdicts),
        repeated=sum(verdict.repeated for verdict in verdicts),
        wrong=sum(verdict.wrong for verdict in verdicts),
        checked=sum(verdict.checked for verdict in verdicts),
        others=spread([run.others for run in runs]),
    )


def _latency_row(runs: Sequence[Latency]) -> LatencyRow:
    first = runs[0]
    return LatencyRow(
        first.contender,
        first.units,
        first.tuning,
        first.rate,
        spread([run.milliseconds.p50 for run in runs]),
        spread([run.milliseconds.p99 for run in runs]),
        spread([run.milliseconds.p999 for run in runs]),
        spread([run.cpu for run in runs]),
        spread([run.others for run in runs]),
    )


def _machine() -> dict[str, Any]:
    return {
        "cores": psutil.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }


def as_markdown(report: Report) -> str:
    machine = report.machine
    lines = [
        f"Taken {report.taken} on {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, Python "
        f"{machine['python']}. Medians of all runs, with the least and the most in brackets.",
    ]
    for (units, batch), rows in groupby(report.throughput, lambda row: (row.units, row.batch)):
        lines += ["", f"### Throughput, {units} units, transactions of at most {batch:,} events", ""]
        lines += _throughput_table(report, list(rows))
    for width, lags in groupby(report.latency, lambda row: row.units):
        lines += ["", f"### Latency, {width} units", "", *_latency_table(report, list(lags))]
    if report.failures:
        lines += ["", "### Not measured", "", *(f"- {failure}" for failure in report.failures)]
    return "\n".join(lines) + "\n"


def _throughput_table(report: Report, rows: Sequence[ThroughputRow]) -> list[str]:
    ceiling = next((row.rate.median for row in rows if row.contender == "copy"), None)
    head = (
        "",
        "promises",
        "events/s",
        "warm",
        "of the copy",
        "CPU us/event",
        "warm",
        "broker",
        "Redis",
        "MB",
        "others",
    )
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        of = report.contenders[row.contender]
        complete = (
            ""
            if not row.missing + row.repeated + row.wrong
            else (f" ({row.missing} missing, {row.repeated} repeated, {row.wrong} of {row.checked} wrong)")
        )
        cells = (
            of["title"] + (f" ({row.workers} workers)" if row.workers > 1 else ""),
            of["promise"] + complete,
            _figure(row.rate),
            f"{row.warm_rate.median:,.0f}",
            f"{row.rate.median / ceiling:.0%}" if ceiling else "",
            f"{row.cpu.median:.1f}",
            f"{row.warm_cpu.median:.1f}",
            f"{row.broker_cpu.median:.1f}",
            f"{row.redis_cpu.median:.1f}",
            f"{row.megabytes.median:.0f}",
            f"{row.others.median:.2f}",
        )
        lines.append(_line(cells))
    return lines


def _latency_table(report: Report, rows: Sequence[LatencyRow]) -> list[str]:
    head = ("", "promises", "events/s", "p50 ms", "p99 ms", "p99.9 ms", "cores", "others")
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        of = report.contenders[row.contender]
        cells = (
            f"{of['title']}, set {row.tuning}",
            of["promise"],
            f"{row.rate:,.0f}",
            *(
                f"{figure.median:.1f} ({figure.least:.1f} to {figure.most:.1f})"
                for figure in (row.p50, row.p99, row.p999)
            ),
            f"{row.cores.median:.2f}",
            f"{row.others.median:.2f}",
        )
        lines.append(_line(cells))
    return lines


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _figure(value: Spread) -> str:
    return f"{value.median:,.0f} ({value.least:,.0f} to {value.most:,.0f})"
