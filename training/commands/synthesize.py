"""Write a synthetic data folder with a planted truth: something to try everything on."""

import argparse
from dataclasses import fields
from pathlib import Path

from rich.console import Console

from training.synthetic.published import PUBLISHED_ARTISTS
from training.synthetic.settings import SyntheticSettings
from training.synthetic.write import write_synthetic

_SAYS = {
    "users": "number of users",
    "songs": "number of songs in the catalogue",
    "seed": "the same seed writes the same folder",
    "female_share": "share of users who are women",
    "median_songs": "median number of songs a user sings",
    "gender_skew": "how much songs tell about gender; 0: nothing",
    "crossing_share": "share of users whose taste is the other gender's",
    "cluster_focus": "share of a user's songs that come from the user's cluster of taste",
    "unknown_share": "share of users whose gender is left empty",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new or empty folder")
    for field in fields(SyntheticSettings):
        if field.name in _SAYS:
            parser.add_argument(
                f"--{field.name.replace('_', '-')}",
                type=int if isinstance(field.default, int) else float,
                default=field.default,
                metavar="N",
                help=f"{_SAYS[field.name]} (default %(default)s)",
            )


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Write the folder and say what is in it."""
    settings = SyntheticSettings(**{name: getattr(arguments, name) for name in _SAYS})
    with console.status("writing playlists"):
        plays = write_synthetic(arguments.out, settings)
    console.print(
        f"{arguments.out}: {settings.users:,} users, {settings.songs:,} songs, {plays:,} plays. "
        f"The {len(PUBLISHED_ARTISTS)} songs of the published example are among them, made popular and skewed as their "
        "published answers are; everything else is invented.",
        highlight=False,
        soft_wrap=True,
    )
