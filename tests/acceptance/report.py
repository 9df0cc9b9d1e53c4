"""python -m tests.acceptance.report: the faults of several runs in one table: how often each came, how long it hurt."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

from tests.acceptance.faults import FAULTS
from tests.acceptance.injection import Outcome
from tests.acceptance.run import Result


def write(path: Path, result: Result) -> None:
    """One run as JSON."""
    run = {
        "version": _version(),
        "cores": os.cpu_count(),
        "load": round(result.load, 1),
        "plan": result.plan._asdict(),
        "passed": result.passed,
        "events": result.events,
        "seconds": round(result.seconds, 1),
        "findings": [finding._asdict() for finding in result.findings],
        "stalled": result.stalled,
        "endings": [ending._asdict() for ending in result.endings],
        "outcomes": [outcome._asdict() for outcome in result.outcomes],
    }
    path.write_text(json.dumps(run, indent=1) + "\n")


def _version() -> str:
    """Of the sources that ran."""
    told = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def table(outcomes: Iterable[Outcome]) -> str:
    """Markdown, faults in their own order. Seconds are of faults that came alone."""
    by_fault: dict[str, list[Outcome]] = {name: [] for name in FAULTS}
    for outcome in outcomes:
        if not outcome.missed:
            by_fault[outcome.fault].append(outcome)
    lines = ["| fault | times | of these with another | median | worst |", "|---|---:|---:|---:|---:|"]
    for fault, some in by_fault.items():
        if some:
            together = sum(not outcome.alone for outcome in some)
            lines.append(f"| {fault} | {len(some)} | {together} | {_felt(some)} |")
    return "\n".join(lines)


def _felt(some: Sequence[Outcome]) -> str:
    seconds = [outcome.seconds for outcome in some if outcome.alone and outcome.seconds is not None]
    return f"{median(seconds):.1f} s | {max(seconds):.1f} s" if seconds else "- | -"


def summary(runs: Sequence[dict[str, Any]]) -> str:
    outcomes = [Outcome(**outcome) for run in runs for outcome in run["outcomes"]]
    injected = sum(not outcome.missed for outcome in outcomes)
    events = sum(run["events"] for run in runs)
    seeds = len({run["plan"]["seed"] for run in runs})
    broken = [run["plan"]["seed"] for run in runs if not run["passed"]]
    verdict = f"broken with the seeds {broken}" if broken else "kept in every run"
    return "\n".join(
        [
            *chain.from_iterable(_of_protocol(runs, protocol) for protocol in ("classic", "consumer")),
            f"{injected} faults, {seeds} seeds, {events:,} events: the promise was {verdict}. {_circumstances(runs)}",
            f"{len(outcomes) - injected} more faults did not come about.",
        ]
    )


def _of_protocol(runs: Sequence[dict[str, Any]], protocol: str) -> list[str]:
    """They differ in how soon a killed worker may come back."""
    some = [run for run in runs if run["plan"]["group_protocol"] == protocol]
    seeds = ", ".join(str(run["plan"]["seed"]) for run in some)
    outcomes = (Outcome(**outcome) for run in some for outcome in run["outcomes"])
    return [f"Group protocol {protocol}, seeds {seeds}:", "", table(outcomes), ""] if some else []


def _circumstances(runs: Sequence[dict[str, Any]]) -> str:
    minutes = sum(run["seconds"] for run in runs) / 60
    cores, loads = sorted({run["cores"] for run in runs}), [run["load"] for run in runs]
    versions = ", ".join(sorted({run["version"] for run in runs}))
    return (
        f"{minutes:.0f} minutes on {'/'.join(map(str, cores))} cores that other work may have shared (load at the ends "
        f"{min(loads):g} to {max(loads):g}), version {versions}."
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.report", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="build/chaos/seed-N.json of the runs")
    options = parser.parse_args(arguments)
    print(summary([json.loads(path.read_text()) for path in options.files]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
