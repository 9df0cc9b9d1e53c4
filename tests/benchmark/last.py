"""The last result, which is committed, and which others are compared with; and the page that shows it."""

from pathlib import Path

import msgspec

from tests.benchmark.model import ROOT
from tests.benchmark.report import Report, encoded
from tests.benchmark.tables import as_markdown

LAST = Path(__file__).with_name("last.json")
PAGE = ROOT / "docs" / "measured.md"
FAILED = {"throughput": "throughput", "latency": "latency", "scale": "scale", "steps": "stages"}
"""Parts by the first word of what failed in them."""
INTRODUCTION = """# Measured

Written by `make bench ARGS="--save"`, with its other options as they were; [benchmark.md](benchmark.md) says what was
measured and how. Parts that a session did not measure are those of the one before.

"""
PARTS = ("throughput", "latency", "scale", "restored", "stages")


def read_last() -> Report | None:
    """None if there is no last result."""
    return msgspec.json.decode(LAST.read_bytes(), type=Report) if LAST.exists() else None


def save_last(report: Report) -> None:
    """Makes this the last result; of a session that has measured less than everything, its parts alone."""
    last = read_last()
    new = report if last is None else with_parts_of(last, report)
    LAST.write_bytes(encoded(new))
    PAGE.write_text(page(new))


def page(report: Report) -> str:
    return INTRODUCTION + as_markdown(report)


def with_parts_of(last: Report, report: Report) -> Report:
    """The report, with the last one's figures, and failures, in the parts that it has none of."""
    kept = {part: getattr(last, part) for part in PARTS if not getattr(report, part)}
    failures = [each for each in last.failures if FAILED[each.what.partition(" ")[0].rstrip(",")] in kept]
    return msgspec.structs.replace(
        report, contenders=last.contenders | report.contenders, failures=[*failures, *report.failures], **kept
    )
