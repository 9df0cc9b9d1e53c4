"""A report as tables to read."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from tests.benchmark.report import LatencyRow, Report, ThroughputRow
from tests.benchmark.scale import Restored
from tests.benchmark.stages import Stages
from tests.benchmark.statistics import Spread


def as_markdown(report: Report) -> str:
    machine = report.machine
    lines = [
        f"Taken {report.taken} on {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, Python "
        f"{machine['python']}. Medians of the runs, with the least and the most in brackets; *others* is how many "
        "cores something else on the machine was using meanwhile; runs with little of it count alone, where there are "
        "any.",
    ]
    for (units, batch), rows in groupby(report.throughput, lambda row: (row.units, row.batch)):
        lines += ["", f"### Throughput, {units} units, transactions of at most {batch:,} events", ""]
        lines += _throughput_table(report, list(rows))
    for width, lags in groupby(report.latency, lambda line: line.units):
        lines += ["", f"### Latency, {width} units", "", *_latency_table(report, list(lags))]
    if report.scale:
        lines += ["", "### The worker under other conditions", "", *_scale_table(report)]
    if report.restored:
        lines += ["", "### Start and restore", "", *map(_restored, report.restored)]
    for stages in report.stages:
        lines += ["", f"### Steps alone, {stages.units} units", "", *_stage_table(stages)]
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
            of.title,
            of.promise + complete,
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
            f"{of.title}, set {row.tuning}",
            of.promise,
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


def _scale_table(report: Report) -> list[str]:
    head = ("", "events/s", "us/event", "songs", "MB", "first output after s", "others")
    lines = [_line(head), _line(["---"] * len(head))]
    for question, row in report.scale.items():
        cells = (
            question,
            _figure(row.rate),
            f"{row.cpu.median:.1f}",
            f"{row.mean_songs:.1f}",
            f"{row.megabytes.median:.0f}",
            f"{row.start_seconds.median:.1f}",
            f"{row.others.median:.2f}",
        )
        lines.append(_line(cells))
    return lines


def _restored(restored: Restored) -> str:
    return f"- {restored}"


def _stage_table(stages: Stages) -> list[str]:
    lines = [_line(("", "us per event")), _line(("---", "---"))]
    for name, figure in stages.microseconds.items():
        lines.append(_line((name, f"{figure.median:.2f} ({figure.least:.2f} to {figure.most:.2f})")))
    return lines


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _figure(value: Spread) -> str:
    return f"{value.median:,.0f} ({value.least:,.0f} to {value.most:,.0f})"
