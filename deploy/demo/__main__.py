"""python -m deploy.demo: from playlists in files to labels that arrive, and everything stopped again."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from rich.console import Console

from deploy.demo.errors import DemoError
from deploy.demo.flow import FOLDER, demo
from deploy.demo.narrator import Narrator
from deploy.local.errors import LocalStackError
from deploy.local.signals import leave_on_signals
from training.errors import TrainingError
from worker.errors import Retry, Stop

INTERRUPTED = 130
"""128 and the number of SIGINT, as shells have it."""
PLAIN_WIDTH = 140
"""Columns where the output is no terminal, which would tell its own."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    leave_on_signals()
    narrator = Narrator(Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH), time.monotonic)
    try:
        demo(options.data, narrator)
    except KeyboardInterrupt:
        narrator.say("stopped, and everything that was started with it")
        return INTERRUPTED
    except (DemoError, LocalStackError, TrainingError, Stop, Retry, KafkaException, OSError) as error:
        Console(stderr=True).print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.demo",
        description="Train a model, start a real Kafka, a real Redis and the worker, stream the playlists of listeners "
        f"whom training never saw, and compare their labels with the truth. What it made stays in {FOLDER}.",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="a data folder with plays and users (default: a synthetic one is made)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
