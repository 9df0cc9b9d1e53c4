"""Train one recipe on a data folder and write a run folder, from which a bundle is exported."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from training.calibration import PRECISION
from training.commands.arguments import add_data, add_seed, open_share
from training.families import FitOptions, fit_folder
from training.recipe import DEFAULT_RECIPE, load_recipe, parse_overrides, recipe_names
from training.run_folder import refuse_existing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_data(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="RUN", help="a new folder for the run")
    names = ", ".join(recipe_names())
    parser.add_argument(
        "--recipe",
        default=DEFAULT_RECIPE,
        metavar="NAME",
        help=f"one of {names}, or a .toml file's path (default %(default)s)",
    )
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="replace a recipe's parameter")
    parser.add_argument(
        "--precision",
        type=open_share,
        default=PRECISION,
        metavar="P",
        help="share of right genders that published labels are to reach (default %(default)s)",
    )
    add_seed(parser)


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Fit by the workflow of the recipe's family."""
    refuse_existing(arguments.out)
    recipe = load_recipe(arguments.recipe, parse_overrides(arguments.set))
    options = FitOptions(arguments.seed, datetime.now(UTC), arguments.precision)
    fit_folder(recipe.family)(recipe, arguments.data, arguments.out, options, console)
