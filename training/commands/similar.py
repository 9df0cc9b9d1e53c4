"""Nearest songs or artists by their vectors, and arithmetic with them: `similar RUN "Coil" --minus "Elder Ones"`."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.commands.arguments import positive
from training.song_vectors.lookup import SongLookup, most_similar
from training.song_vectors.run_files import read_vector_run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder that fit wrote, of song vectors")
    parser.add_argument("names", nargs="+", metavar="NAME", help="song ids, titles or artists; their vectors are added")
    parser.add_argument("--minus", nargs="+", default=[], metavar="NAME", help="their vectors are taken away")
    parser.add_argument("--top", type=positive, default=10, metavar="N", help="how many (default %(default)s)")


def run(arguments: argparse.Namespace, console: Console) -> None:  # noqa: ARG001
    """Print the table."""
    found = read_vector_run(arguments.run_folder)
    lookup = SongLookup(found.songs)
    plus, minus = ([lookup.find(name) for name in names] for names in (arguments.names, arguments.minus))
    nearest = most_similar(found.vectors, plus, minus, arguments.top)
    title = " - ".join([" + ".join(one.name for one in plus), *(one.name for one in minus)])
    columns = {
        "nearest": [lookup.describe(row) for row, _ in nearest],
        "id": [found.songs["song_id"][row].as_py() for row, _ in nearest],
        "genre": [found.songs["genre_group"][row].as_py() for row, _ in nearest],
    }
    # An artist's id is the name, and not all data know of genres: what says nothing is left out.
    shown = {
        name: cells for name, cells in columns.items() if any(cells) and (name != "id" or cells != columns["nearest"])
    }
    table = Table("", *shown, "cosine", title=escape(title), title_justify="left")
    for place, (cells, (_, cosine)) in enumerate(zip(zip(*shown.values(), strict=True), nearest, strict=True), start=1):
        table.add_row(str(place), *map(escape, cells), f"{cosine:.3f}")
    Console(highlight=False).print(table)
