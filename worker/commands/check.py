"""`worker check`: what is wrong with settings, bundle, Kafka and Redis, and how to mend it."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.text import Text

from worker.checks.examine import examine
from worker.checks.finding import Finding
from worker.settings import load_settings

HELP = "Look for what is wrong with settings, bundle, Kafka and Redis, and say how to mend it."

_COLOURS = {"ok": "green", "note": "yellow", "problem": "bold red"}
_WIDTH = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, help="folder of the model's bundle (SONGPRINT_MODEL__BUNDLE)")


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.config, {"model.bundle": arguments.bundle})
    console, waiting = Console(highlight=False, soft_wrap=True), Console(stderr=True)
    problems = 0
    with waiting.status("looking"):
        for finding in examine(settings):
            problems += finding.status == "problem"
            console.print(_line(finding))
    console.print(f"{problems} problem{'' if problems == 1 else 's'}")
    return 1 if problems else 0


def _line(finding: Finding) -> Text:
    line = Text.assemble((f"{finding.status:<9}", _COLOURS[finding.status]), f"{finding.part:<{_WIDTH}}", finding.what)
    if finding.mend:
        line.append(f"\n{'':{9 + _WIDTH}}→ {finding.mend}")
    return line
