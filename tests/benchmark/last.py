"""The last result, which is committed, and which others are compared with."""

from pathlib import Path

import msgspec

from tests.benchmark.report import Report, encoded

LAST = Path(__file__).with_name("last.json")
PARTS = ("throughput", "latency", "scale", "restored", "stages")


def read_last() -> Report | None:
    """None if there is no last result."""
    return msgspec.json.decode(LAST.read_bytes(), type=Report) if LAST.exists() else None


def save_last(report: Report) -> None:
    """Makes this the last result; of a session that has measured less than everything, its parts alone."""
    last = read_last()
    LAST.write_bytes(encoded(report if last is None else with_parts_of(last, report)))


def with_parts_of(last: Report, report: Report) -> Report:
    """The report, with the last one's figures in the parts that it has none of."""
    kept = {part: getattr(last, part) for part in PARTS if not getattr(report, part)}
    return msgspec.structs.replace(report, contenders=last.contenders | report.contenders, **kept)
