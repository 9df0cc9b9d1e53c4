"""Compare recipes and baselines on the same repeated stratified folds, or those that cluster images over several seeds.

Goes on where an interrupted one stopped.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from training.calibration import PRECISION
from training.commands.arguments import add_data, add_seed, folds, open_share, positive, require_folder_of
from training.datasets.load import load_playlists
from training.datasets.load_images import load_images
from training.errors import TrainingError
from training.evaluate import (
    LOSSES,
    Results,
    calibration_over_folds,
    compare,
    evaluate,
    figure,
    make_plan,
    store_results,
    summarise,
)
from training.evaluate_images import evaluate_images, seed_rows, table_words
from training.evaluate_song_vectors import VectorPlan, evaluate_song_vectors, one_kind, vector_table
from training.markdown import markdown, mean_and_deviation
from training.recipe import DEFAULT_RECIPE, Recipe, load_variant, recipe_names
from training.song_vectors.corpus import load_corpus
from training.watch import progress_bar

COLUMNS = {
    "auc": "AUC",
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "calibration_error": "calibration error",
    "calibration_by_chance": "by chance",
    "recall_f": "recall f",
    "recall_m": "recall m",
    "coverage": "coverage",
    "precision": "precision",
    "seconds": "seconds",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    add_data(parser)
    parser.add_argument(
        "--recipe",
        nargs="+",
        default=[DEFAULT_RECIPE],
        metavar="NAME",
        help=f"of {', '.join(recipe_names())}, or .toml files, each perhaps with parameters as in songprint:units=64,"
        "dropout=0.4; the first is compared with the others",
    )
    parser.add_argument("--folds", type=folds, default=5, metavar="N", help="parts (default %(default)s)")
    parser.add_argument("--repeats", type=positive, default=1, metavar="N", help="partitions (default %(default)s)")
    parser.add_argument(
        "--seeds",
        type=positive,
        default=5,
        metavar="N",
        help="fits of recipes that cluster images (default %(default)s)",
    )
    parser.add_argument("--first", type=positive, metavar="N", help="only the first N folds, for slow recipes")
    parser.add_argument(
        "--precision", type=open_share, default=PRECISION, metavar="P", help="that labels promise (default %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE.json", help="figures; those already in it are not made again"
    )
    add_seed(parser)


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Evaluate, store, and print the table."""
    recipes = [load_variant(name) for name in dict.fromkeys(arguments.recipe)]
    compare_recipes = EVALUATIONS[_one_family(recipes)]
    require_folder_of(arguments.out)
    print(compare_recipes(recipes, arguments, console))


def _one_family(recipes: list[Recipe]) -> str:
    families = {recipe.family: recipe.name for recipe in recipes}
    if len(families) > 1:
        says = ", ".join(f"{name} learns from {family}" for family, name in families.items())
        raise TrainingError(f"these recipes cannot be compared: {says}; leave out those of one kind")
    return recipes[0].family


def _on_playlists(recipes: list[Recipe], arguments: argparse.Namespace, console: Console) -> str:
    with console.status("reading playlists"):
        data = load_playlists(arguments.data)
    plan = make_plan(data, arguments.folds, arguments.repeats, arguments.seed, arguments.precision)
    with progress_bar(console) as watch:
        results = evaluate(recipes, data, plan, arguments.out, watch, arguments.first)
    results["summary"] = summarise(results, recipes[0].name)
    store_results(arguments.out, results)
    return "\n".join([_table(results, recipes[0].name), *_losses(results)])


def _on_song_vectors(recipes: list[Recipe], arguments: argparse.Namespace, console: Console) -> str:
    kind = one_kind(recipes)
    with console.status("reading what occurs together"):
        corpus = load_corpus(arguments.data, kind)
    plan = VectorPlan(str(corpus.facts["digest"]), arguments.folds, arguments.repeats, arguments.seed)
    with progress_bar(console) as watch:
        results = evaluate_song_vectors(recipes, corpus, plan, arguments.out, watch, arguments.first)
    return vector_table(results, recipes[0].name)


def _on_images(recipes: list[Recipe], arguments: argparse.Namespace, console: Console) -> str:
    with console.status("reading images"):
        images = load_images(arguments.data)
    with progress_bar(console) as watch:
        results = evaluate_images(recipes, images, arguments.seeds, arguments.seed, arguments.out, watch)
    title = f"{len(images.values):,} images; {table_words(results)}"
    return "\n".join([title, "", *markdown(seed_rows(results))])


EVALUATIONS = {"images": _on_images, "playlists": _on_playlists, "song_vectors": _on_song_vectors}
"""How the recipes of each family are compared: takes them, the arguments and the console, and gives the table."""


def _table(results: Results, reference: str) -> str:
    """Markdown: means over folds, and the corrected paired test of the AUC against the reference."""
    plan = results["plan"]
    majority = figure(results, reference, "majority").mean()
    tests = compare(results, reference)
    rows = [["recipe", *COLUMNS.values(), "calibration error over all folds", f"{reference} better by", "p"]]
    for name in sorted(results["recipes"], key=lambda name: -float(figure(results, name, "auc").mean())):
        test = tests.get(name)
        compared = [f"{test['difference']:+.4f}", f"{test['p']:.4f}"] if test else ["", ""]
        cells = [
            *(_cell(figure(results, name, key), key) for key in COLUMNS),
            f"{calibration_over_folds(results, name):.4f}",
        ]
        rows.append([name, *cells, *compared])
    title = f"{plan['repeats']} x {plan['folds']} folds, majority rate {majority:.4f}; mean ± deviation over folds"
    return "\n".join([title, "", *markdown(rows)])


def _losses(results: Results) -> list[str]:
    """Markdown: what was reached where a recipe tells the loss of what it learns from and of what it does not."""
    rows = [["recipe", "phase", "loss", "validation loss"]]
    for name, stored in results["recipes"].items():
        # Folds that were stored by earlier versions tell no losses.
        told = [fold.get("losses", {}) for fold in stored["folds"]]
        for phase in sorted({phase for losses in told for phase in losses}):
            shown = [losses[phase] for losses in told if set(LOSSES) <= losses.get(phase, {}).keys()]
            if shown:
                rows.append([name, phase, *(mean_and_deviation([losses[key] for losses in shown]) for key in LOSSES)])
    return ["", "Losses of each phase's last epoch", "", *markdown(rows)] if len(rows) > 1 else []


def _cell(values: NDArray[np.float64], key: str) -> str:
    return f"{values.mean():.1f}" if key == "seconds" else mean_and_deviation(values)
