"""`python -m training.reproduce`: train and measure everything again whose figures the README quotes.

Takes hours; what is finished stays in the folder of results, and a second start goes on from there.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from training.errors import TrainingError
from training.reproduction.command import run_command
from training.reproduction.steps import STEPS, Place

DATA = (Path("../shared/data/lfm2b-sample"), Path("../shared/data/lastfm-artists"))
OUT = Path("build/reproduce")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 could not be done, 2 wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m training.reproduce", description=__doc__)
    parser.add_argument("--data", type=Path, nargs="+", metavar="DIR", help="data folders instead of the usual ones")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR", help="results (default %(default)s)")
    parser.add_argument("--only", nargs="+", choices=STEPS, metavar="STEP", help=f"of {', '.join(STEPS)}")
    parser.add_argument("--quick", action="store_true", help="few folds and small data: does everything still run?")
    arguments = parser.parse_args(argv)
    console = Console(stderr=True)
    try:
        arguments.out.mkdir(parents=True, exist_ok=True)
        place = Place(tuple(arguments.data or _usual_data(arguments.out, console)), arguments.out, arguments.quick)
        for name in arguments.only or STEPS:
            for doing in STEPS[name](place):
                console.print(f"[bold]{name}[/bold] {doing}", highlight=False)
    except (TrainingError, OSError) as error:
        console.print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("stopped; start again to go on")
        return 1
    return 0


def _usual_data(out: Path, console: Console) -> list[Path]:
    """The folders that are there, or a synthetic one where none is."""
    found = [folder for folder in DATA if folder.is_dir()]
    if found:
        return found
    synthetic = out / "synthetic"
    if not synthetic.is_dir():
        console.print(f"none of {', '.join(map(str, DATA))} is there; synthetic data it is", highlight=False)
        run_command("synthesize", "--out", synthetic)
    return [synthetic]


if __name__ == "__main__":
    sys.exit(main())
