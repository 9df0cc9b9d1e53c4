"""Write one self-contained page about a run: curves, calibration, maps, clusters, comparison."""

import argparse
from importlib import import_module
from pathlib import Path

from rich.console import Console

from training.commands.arguments import require_folder_of
from training.evaluate import read_results
from training.families import REPORTS, run_family
from training.run_folder import read_summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder that fit wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.html", help="the page")
    parser.add_argument(
        "--evaluation",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE.json",
        help="figures of evaluate, to be compared with",
    )


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Write the page."""
    require_folder_of(arguments.out)
    family = run_family(read_summary(arguments.run_folder))
    evaluations = [read_results(path, family) for path in arguments.evaluation]
    with console.status("drawing"):
        import_module(REPORTS[family]).write_report(arguments.run_folder, arguments.out, evaluations)
    console.print(f"{arguments.out}: open it in a browser", highlight=False, soft_wrap=True)
