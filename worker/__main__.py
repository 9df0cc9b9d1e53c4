"""`python -m worker COMMAND`: finds the command, and turns what goes wrong into one message and an exit status."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from worker.commands import COMMANDS, WITHOUT_SETTINGS
from worker.errors import Reject, Retry, Stop

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command in `argv`, by default the process's. Returns 0, 1 for a failure, 130 after Ctrl-C."""
    words = sys.argv[1:] if argv is None else argv
    try:
        arguments = _parser(words).parse_args(words)
        return int(arguments.run(arguments))
    except (Stop, Reject, Retry) as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """A parser that knows all commands by name, and the arguments of the one that is asked for."""
    with_settings = argparse.ArgumentParser(add_help=False)
    with_settings.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML (SONGPRINT_CONFIG)")
    parser = argparse.ArgumentParser(prog="python -m worker", description="Songprint's streaming worker.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    wanted = next((word for word in words if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        if find_spec(f"worker.commands.{name}") is None:
            continue
        parents = [] if name in WITHOUT_SETTINGS else [with_settings]
        command = commands.add_parser(name, help=summary, parents=parents, allow_abbrev=False)
        if name == wanted:  # the others are not imported, so that help and mistakes are answered at once
            module = import_module(f"worker.commands.{name}")
            command.description = module.HELP
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
