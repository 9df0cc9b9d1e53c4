"""python -m deploy.local: a Kafka and a Redis to work with, until Ctrl-C."""

import argparse
import os
import re
import sys
import time
from contextlib import ExitStack
from typing import NoReturn

from rich.console import Console

from deploy.local.errors import LocalStackError
from deploy.local.redis import IMPLEMENTATIONS
from deploy.local.signals import leave_on_signals
from deploy.local.stack import LocalStack

CHECK_SECONDS = 0.5


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    leave_on_signals()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        run(options, console)
    except KeyboardInterrupt:
        return 0  # the way this command is meant to end
    except LocalStackError as error:
        console.print(f"error: {error}", markup=False)
        return 1


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deploy.local",
        description="Start a real Kafka and a real Redis-protocol server on free loopback ports, print the variables "
        "that lead to them, and stop both on Ctrl-C. A server that the environment already names is used instead.",
    )
    parser.add_argument("--brokers", type=broker_count, default=1, metavar="N", help="Kafka brokers, 1 to 9 (1)")
    parser.add_argument("--redis", choices=IMPLEMENTATIONS, default="valkey", help="which server (valkey)")
    parser.add_argument(
        "--heap", type=heap_size, default="512m", metavar="SIZE", help="Java heap of each broker (512m)"
    )
    parser.add_argument("--keep", action="store_true", help="leave data and logs behind, and say where")
    return parser


def broker_count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 9")
    return int(text)


def heap_size(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]*[kKmMgG]", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 512m or 1g")
    return text


def run(options: argparse.Namespace, console: Console) -> NoReturn:
    """Print lines for a shell to evaluate, then wait for a signal or for the death of a server."""

    def report(message: str) -> None:
        console.print(f"# {message}", markup=False)

    stack = LocalStack(
        brokers=options.brokers,
        redis_implementation=options.redis,
        heap=options.heap,
        keep=options.keep,
        environ=os.environ,
        report=report,
    )
    with ExitStack() as running:
        with console.status("starting the local stack"):
            running.enter_context(stack)
        for name, value in stack.environment.items():
            print(f"export {name}={value}")
        print(f"# logs: {stack.logs}  (Ctrl-C ends both)", flush=True)
        while True:
            stack.check()
            time.sleep(CHECK_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
