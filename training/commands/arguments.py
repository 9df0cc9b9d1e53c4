"""Options that several commands have, and the types of their values."""

import argparse
from pathlib import Path

from training.errors import TrainingError


def add_data(parser: argparse.ArgumentParser) -> None:
    """`--data DIR`"""
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="a data folder with plays, users and perhaps songs"
    )


def add_seed(parser: argparse.ArgumentParser) -> None:
    """`--seed N`"""
    parser.add_argument(
        "--seed", type=seed, default=0, metavar="N", help="the same seed gives the same result (default %(default)s)"
    )


def require_folder_of(path: Path, option: str = "--out") -> None:
    """Raises TrainingError where a file cannot be written to `path`, which the option gave.

    Asked before the work, not after it.
    """
    folder = path.absolute().parent
    if not folder.is_dir():
        raise TrainingError(f"the folder {folder} is missing; make it first, or give another {option}")
    if path.is_dir():
        raise TrainingError(f"{path} is a folder; give the name of a file as {option}")


def seed(text: str) -> int:
    """A seed: 0 or more, and small enough for every library."""
    return _between(text, 0, 2**31 - 1)


def positive(text: str) -> int:
    """A number of things of which there has to be one."""
    return _between(text, 1, 2**31 - 1)


def folds(text: str) -> int:
    """A number of parts, of which one at a time is left out."""
    return _between(text, 2, 100)


def open_share(text: str) -> float:
    """A share that is neither none nor all."""
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text} does not lie between 0 and 1")
    return value


def _between(text: str, least: int, most: int) -> int:
    value = int(text)
    if not least <= value <= most:
        raise argparse.ArgumentTypeError(f"{text} does not lie between {least} and {most}")
    return value
