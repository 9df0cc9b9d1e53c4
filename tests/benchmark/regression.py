"""Whether something has become slower since the last result."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tests.benchmark.report import LatencyRow, Report
from tests.benchmark.scale import AS_USUAL
from tests.benchmark.stages import PLAINLY, YARDSTICK

TOLERANCE = 0.1
CEILING, WORKER = "copy", "songprint"


class Figure(NamedTuple):
    value: float
    more_is_better: bool = False

    def over(self, unit: float) -> "Figure":
        """As a ratio; nought if the unit is."""
        return Figure(self.value / unit if unit else 0.0, self.more_is_better)


def complaints(last: Report | None, now: Report) -> list[str]:
    """What is worse than in the last result, one line each; a run that failed is worse than any."""
    failed = [f"failed: {each}" for each in now.failures if each.contender in (CEILING, WORKER)]
    worse = slower(figures(last), figures(now)) if last else []
    return failed + [f"more than {TOLERANCE * 100:.0f} % slower: {line}" for line in worse]


def slower(before: Mapping[str, Figure], now: Mapping[str, Figure]) -> list[str]:
    """One line for each figure that is worse than before by more than TOLERANCE."""
    lines = []
    for name in before.keys() & now.keys():
        old, new = before[name].value, now[name].value
        worse = old / new if now[name].more_is_better else new / old
        if worse > 1 + TOLERANCE:
            lines.append(f"{name}: {new:.3g}, was {old:.3g}")
    return sorted(lines)


def figures(report: Report) -> dict[str, Figure]:
    """The worker's figures by name. What depends on the machine is told by what the same session shows of it, if it can
    be: the raw copy under the same conditions, or the worker under the usual ones.
    """
    parts = (_throughput, _latency, _scale, _restored, _stages)
    return {name: figure for part in parts for name, figure in part(report) if figure.value > 0}


def _throughput(report: Report) -> Iterator[tuple[str, Figure]]:
    ceilings = {(row.units, row.batch): row for row in report.throughput if row.contender == CEILING}
    for row in report.throughput:
        if row.contender != WORKER:
            continue
        where = f"{row.units} units, batches of {row.batch}"
        yield f"MB of memory, {where}", Figure(row.megabytes.median)
        if ceiling := ceilings.get((row.units, row.batch)):
            yield f"events/s of the copy's, {where}", Figure(row.rate.median, True).over(ceiling.rate.median)
            yield f"CPU per event over the copy's, {where}", Figure(row.cpu.median).over(ceiling.cpu.median)
            broker, cache = Figure(row.broker_cpu.median), Figure(row.redis_cpu.median)
            yield f"the broker's CPU per event over that for the copy, {where}", broker.over(ceiling.broker_cpu.median)
            yield f"Redis' CPU per event over the copy's CPU, {where}", cache.over(ceiling.cpu.median)
            start = Figure(row.start_seconds.median).over(ceiling.start_seconds.median)
            yield f"seconds to the first label over the copy's, {where}", start
        for other in report.throughput:
            if other.contender != WORKER and (other.units, other.batch) == (row.units, row.batch):
                of = f"{other.contender}'s, {where}"
                yield f"warm events/s of {of}", Figure(row.warm_rate.median, True).over(other.warm_rate.median)
                if other.contender != CEILING:
                    yield f"events/s of {of}", Figure(row.rate.median, True).over(other.rate.median)


def _latency(report: Report) -> Iterator[tuple[str, Figure]]:
    ceilings = {(row.units, row.rate): row for row in report.latency if row.contender == CEILING}
    for row in report.latency:
        if row.contender == WORKER:
            where = f"{_rate(row)}, {row.units} units"
            ceiling = None if row.share else ceilings.get((row.units, row.rate))
            for name, field in (("p50", "p50"), ("p99", "p99"), ("p99.9", "p999")):
                figure = Figure(getattr(row, field).median)
                if ceiling:
                    yield f"{name} over the copy's at {where}", figure.over(getattr(ceiling, field).median)
                else:
                    yield f"{name} ms at {where}", figure


def _rate(row: LatencyRow) -> str:
    return f"{row.share:.0%} of capacity" if row.share else f"{row.rate:,.0f} events/s"


def _scale(report: Report) -> Iterator[tuple[str, Figure]]:
    usual = report.scale.get(AS_USUAL)
    for question, row in report.scale.items():
        yield f"MB of memory, {question}", Figure(row.megabytes.median)
        if usual and question != AS_USUAL:
            yield f"events/s of the usual, {question}", Figure(row.rate.median, True).over(usual.rate.median)
            yield f"CPU per event over the usual, {question}", Figure(row.cpu.median).over(usual.cpu.median)


def _restored(report: Report) -> Iterator[tuple[str, Figure]]:
    for row in report.restored:
        where = f"{row.users:,} users"
        yield f"seconds to the first label with all in Redis, {where}", Figure(row.warm_seconds.median)
        yield f"seconds to the first label with none in Redis, {where}", Figure(row.cold_seconds.median)
        yield f"bytes of Redis per user, {where}", Figure(row.redis_bytes.median)
        yield f"MB of memory after a restore, {where}", Figure(row.megabytes.median)


def _stages(report: Report) -> Iterator[tuple[str, Figure]]:
    """Each step over what it took the place of, or over a step that is the standard library's alone."""
    for stages in report.stages:
        times = {name: Figure(each.median) for name, each in stages.microseconds.items()}
        for name, time in times.items():
            other = f"{name}{PLAINLY}" if f"{name}{PLAINLY}" in times else YARDSTICK
            if other in times and not name.endswith(PLAINLY):
                yield f"time of: {name}, over that of: {other}, {stages.units} units", time.over(times[other].value)
