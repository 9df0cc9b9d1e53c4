"""A report as tables to read."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from tests.benchmark.report import LatencyRow, Report, RestoredRow, ThroughputRow
from tests.benchmark.sizing import LOAD, RATES, USERS_PER_EVENT, Cost, measured_cost, size_for
from tests.benchmark.stages import Stages
from tests.benchmark.statistics import Spread


def as_markdown(report: Report) -> str:
    machine = report.machine
    lines = [
        f"Taken {report.taken} on {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}, Python "
        f"{machine['python']}. Medians of the runs, with the least and the most in brackets; *others* is how many "
        "cores something else on the machine was using meanwhile; runs with little of it count alone, where there are "
        "any, but of latency and the restore all do.",
    ]
    for (units, batch), rows in groupby(report.throughput, lambda row: (row.units, row.batch)):
        lines += ["", f"### Throughput, {units} units, transactions of at most {batch:,} events", ""]
        lines += _throughput_table(report, list(rows))
    for width, lags in groupby(report.latency, lambda line: line.units):
        lines += ["", f"### Latency, {width} units", "", *_latency_table(report, list(lags))]
    if report.scale:
        lines += ["", "### The worker under other conditions", "", *_scale_table(report)]
    if report.restored:
        lines += ["", "### Start and restore", "", *_restored_table(report.restored)]
    if cost := measured_cost(report):
        lines += ["", "### What a stream needs", "", *_sizing_table(cost)]
    for stages in report.stages:
        lines += ["", f"### Steps alone, {stages.units} units", "", *_stage_table(stages)]
    if report.failures:
        lines += ["", "### Failed", "", *(f"- {failure}" for failure in report.failures)]
    if report.left_out:
        lines += ["", "### Left out", "", *(f"- {what}" for what in report.left_out)]
    return "\n".join(lines) + "\n"


def _throughput_table(report: Report, rows: Sequence[ThroughputRow]) -> list[str]:
    found = {row.contender: row for row in rows}
    ceiling, worker = found.get("copy"), found.get("songprint")
    head = ("", "promises", "events/s", "warm", "of the copy", "the worker is times as fast", "warm")
    lines = _head(*head, "CPU us/event", "warm", "broker", "Redis", "MB", "others")
    for row in rows:
        of = report.contenders[row.contender]
        cells = (
            of.title,
            of.promise + (f" ({row.repeated} repeated)" if row.repeated else ""),
            _figure(row.rate),
            _figure(row.warm_rate),
            f"{row.rate.median / ceiling.rate.median:.0%}" if ceiling and ceiling.rate.median else "",
            _times(worker and worker.rate, row.rate),
            _times(worker and worker.warm_rate, row.warm_rate),
            _figure(row.cpu, 1),
            _figure(row.warm_cpu, 1),
            _figure(row.broker_cpu, 1),
            _figure(row.redis_cpu, 1),
            _figure(row.megabytes),
            _figure(row.others, 2),
        )
        lines.append(_line(cells))
    return lines


def _latency_table(report: Report, rows: Sequence[LatencyRow]) -> list[str]:
    lines = _head("", "promises", "events/s", "p50 ms", "p99 ms", "p99.9 ms", "cores", "others")
    for row in rows:
        of = report.contenders[row.contender]
        cells = (
            f"{of.title}, set {row.tuning}",
            of.promise,
            f"{row.rate:,.0f}" + (f" ({row.share:.0%} of capacity)" if row.share else ""),
            _figure(row.p50, 1),
            _figure(row.p99, 1),
            _figure(row.p999, 1),
            _figure(row.cores, 2),
            _figure(row.others, 2),
        )
        lines.append(_line(cells))
    return lines


def _scale_table(report: Report) -> list[str]:
    lines = _head("", "events/s", "us/event", "songs", "MB", "first output after s", "others")
    for question, row in report.scale.items():
        cells = (
            question,
            _figure(row.rate),
            _figure(row.cpu, 1),
            f"{row.mean_songs:.1f}",
            _figure(row.megabytes),
            _figure(row.start_seconds, 1),
            _figure(row.others, 2),
        )
        lines.append(_line(cells))
    return lines


def _restored_table(rows: Sequence[RestoredRow]) -> list[str]:
    lines = _head("users", "s to the first label, all in Redis", "none in Redis", "bytes of Redis per user", "MB")
    for row in rows:
        cells = (
            f"{row.users:,}",
            _figure(row.warm_seconds, 1),
            _figure(row.cold_seconds, 1),
            _figure(row.redis_bytes),
            _figure(row.megabytes),
        )
        lines.append(_line(cells))
    return lines


def _sizing_table(cost: Cost) -> list[str]:
    lines = [
        f"At the worker's usual costs, with {USERS_PER_EVENT} users for each event a second at the busiest time, and "
        f"pods that do {LOAD:.0%} of what a worker can. Redis holds {cost.user_bytes:,.0f} bytes for each user, and "
        "needs as much again while it forks.",
        "",
        *_head(
            "events/s", "users", "partitions", "pods", "cores of all pods", "of the brokers", "of Redis", "Redis GB"
        ),
    ]
    for rate in RATES:
        size = size_for(rate, cost)
        counts = (size.rate, size.users, size.partitions, size.pods)
        shares = (size.worker_cores, size.broker_cores, size.redis_cores, size.redis_gb)
        lines.append(_line([*(f"{count:,}" for count in counts), *(f"{share:,.2f}" for share in shares)]))
    return lines


def _stage_table(stages: Stages) -> list[str]:
    rows = (_line((name, _figure(figure, 2))) for name, figure in stages.microseconds.items())
    return [*_head("", "us per event"), *rows]


def _head(*names: str) -> list[str]:
    return [_line(names), _line(["---"] * len(names))]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _figure(value: Spread, digits: int = 0) -> str:
    return f"{value.median:,.{digits}f} ({value.least:,.{digits}f} to {value.most:,.{digits}f})"


def _times(worker: Spread | None, other: Spread) -> str:
    return f"{worker.median / other.median:.2f}" if worker and other.median else ""
