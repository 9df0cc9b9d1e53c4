"""Write the codes of a data folder's users under a finished run, as features for other work."""

import argparse
from pathlib import Path

from rich.console import Console

from training.commands.arguments import add_data, require_folder_of
from training.datasets.load import load_playlists
from training.encode import encode_users
from training.run_folder import read_summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder that fit wrote")
    add_data(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.parquet", help="one row per user")


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Encode, and say what was written."""
    require_folder_of(arguments.out)
    read_summary(arguments.run_folder)
    with console.status("encoding"):
        data = load_playlists(arguments.data)
        width = encode_users(arguments.run_folder, data, arguments.out)
    console.print(
        f"{arguments.out}: {data.matrix.shape[0]:,} users, {width} columns each", highlight=False, soft_wrap=True
    )
