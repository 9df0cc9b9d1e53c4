"""The table of faults: how often each came, and how long it was felt."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from tests.acceptance.injection import Outcome
from tests.acceptance.run import Result


def write(path: Path, results: Sequence[Result]) -> None:
    """As JSON, one object for each run."""
    path.write_text(json.dumps([_json(result) for result in results], indent=1) + "\n")


def _json(result: Result) -> dict[str, object]:
    return {
        "plan": result.plan._asdict(),
        "passed": result.passed,
        "events": result.events,
        "seconds": round(result.seconds, 1),
        "findings": [finding._asdict() for finding in result.findings],
        "stalled": result.stalled,
        "endings": [ending._asdict() for ending in result.endings],
        "outcomes": [outcome._asdict() for outcome in result.outcomes],
    }


def read(paths: Iterable[Path]) -> list[dict[str, object]]:
    return [run for path in paths for run in json.loads(path.read_text())]


def markdown(outcomes: Iterable[Outcome]) -> str:
    """Faults in the order of their names' first appearance in the list of all, with counts and seconds."""
    by_fault: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if not outcome.missed:
            by_fault.setdefault(outcome.fault, []).append(outcome)
    lines = [
        "| fault | times | of these mixed | next label of every partition after: median | worst |",
        "|---|---:|---:|---:|---:|",
    ]
    for fault, some in sorted(by_fault.items()):
        seconds = [outcome.seconds for outcome in some if outcome.alone and outcome.seconds is not None]
        felt = f"{median(seconds):.1f} s | {max(seconds):.1f} s" if seconds else "- | -"
        lines.append(f"| {fault} | {len(some)} | {sum(not outcome.alone for outcome in some)} | {felt} |")
    return "\n".join(lines)
