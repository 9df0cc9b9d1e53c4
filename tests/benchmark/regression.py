"""Whether something has become slower since the committed result."""

from collections.abc import Mapping
from typing import NamedTuple

from tests.benchmark.report import Report

TOLERANCE = 0.1
CEILING, WORKER = "copy", "songprint"


class Figure(NamedTuple):
    value: float
    more_is_better: bool


def figures(report: Report) -> dict[str, Figure]:
    """The worker's figures by name. Rates and costs are ratios to the raw copy of the same session: machines differ."""
    found: dict[str, Figure] = {}
    ceilings = {(row.units, row.batch): row for row in report.throughput if row.contender == CEILING}
    for row in report.throughput:
        ceiling = ceilings.get((row.units, row.batch))
        if row.contender == WORKER and row.workers == 1 and ceiling:
            where = f"{row.units} units, batches of {row.batch}"
            found[f"events/s of the copy's, {where}"] = Figure(row.rate.median / ceiling.rate.median, True)
            found[f"CPU per event over the copy's, {where}"] = Figure(row.cpu.median / ceiling.cpu.median, False)
    for line in report.latency:
        if line.contender == WORKER:
            found[f"p99 ms at {line.rate:.0f} events/s, {line.units} units"] = Figure(line.p99.median, False)
    return found


def slower(before: Mapping[str, Figure], now: Mapping[str, Figure]) -> list[str]:
    """One line for each figure that is worse than before by more than TOLERANCE."""
    lines = []
    for name in before.keys() & now.keys():
        old, new = before[name].value, now[name].value
        worse = old / new if now[name].more_is_better else new / old
        if worse > 1 + TOLERANCE:
            lines.append(f"{name}: {new:.3g}, was {old:.3g}")
    return sorted(lines)
