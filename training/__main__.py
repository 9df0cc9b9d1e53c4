"""`python -m training COMMAND`: one file per command in training/commands, imported when it is asked for."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from rich.console import Console

from training.errors import TrainingError

COMMANDS = {
    "cluster": "compare ways to cluster the users of a run by their codes",
    "encode": "write users' codes as features for other work",
    "evaluate": "compare recipes and baselines on the same folds",
    "fit": "train one recipe on a data folder",
    "report": "write one self-contained page about a run",
    "similar": "nearest songs or artists by their vectors, and arithmetic with them",
    "synthesize": "write a synthetic data folder with a planted truth",
}
"""Each is a module of training.commands with `add_arguments(parser)` and `run(arguments, console)`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 could not be done, 2 wrong usage."""
    chosen, rest = _split(sys.argv[1:] if argv is None else argv)
    command = importlib.import_module(f"training.commands.{chosen}")
    parser = argparse.ArgumentParser(prog=f"python -m training {chosen}", description=command.__doc__)
    command.add_arguments(parser)
    arguments = parser.parse_args(rest)
    console = Console(stderr=True)
    try:
        command.run(arguments, console)
    except TrainingError as error:
        console.print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print("stopped")
        return 1
    return 0


def _split(argv: Sequence[str]) -> tuple[str, list[str]]:
    """The command's name and its own arguments; answers `--help` and exits with 2 for another command."""
    listing = "\n".join(f"  {name:<12} {says}" for name, says in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m training",
        usage="python -m training COMMAND [--help] …",
        description="Offline training: playlists in files become a run folder, from which `export` writes a bundle.",
        epilog=f"commands:\n{listing}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of those below")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, default=[], help=argparse.SUPPRESS)
    parsed = parser.parse_args(argv)
    return parsed.command, parsed.arguments


if __name__ == "__main__":
    sys.exit(main())
