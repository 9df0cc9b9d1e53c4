"""Measuring recipes that cluster images over several seeds: the mean, the deviation and the worst, never the best."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from training.cluster_scores import seed_words
from training.datasets.images import Images, images_digest
from training.errors import TrainingError
from training.evaluate import Results, figure, open_results, store_results
from training.fit_images import image_figures, require_learnable
from training.markdown import mean_and_deviation
from training.models.deep_clustering.interface import FittedImages
from training.recipe import Recipe
from training.watch import Watch, unwatched

FAMILY = "images"
MEASURED = ("accuracy", "nmi", "ari", "silhouette")
START = "start_accuracy"
"""Of recipes that begin deep clustering from clusters of another kind."""


def evaluate_images(
    recipes: Iterable[Recipe], images: Images, seeds: int, first_seed: int, path: Path, watch: Watch
) -> Results:
    """Fit every recipe with `seeds` seeds, those left out that `path` has figures of, and store the figures after each.

    Clustering has no training part: it is measured on all images, whose labels it never sees. Raises TrainingError,
    before any training, for images that one of the recipes cannot learn from.
    """
    chosen = list(recipes)
    for recipe in chosen:
        require_learnable(recipe, images)
    results = open_results(path, {"data": images_digest(images), "seed": first_seed}, FAMILY)
    for recipe in chosen:
        stored = results["recipes"].setdefault(recipe.name, {"recipe": recipe.as_json(), "folds": []})
        if stored["recipe"] != recipe.as_json():
            raise TrainingError(f"{path} holds {recipe.name} with other parameters; give another --out")
        for number in range(len(stored["folds"]), seeds):
            figures = _fit_once(recipe, images, first_seed + number)
            stored["folds"].append(figures)
            store_results(path, results)
            shown = "accuracy" if images.truth else "silhouette"
            watch({"phase": recipe.name, "epoch": number + 1, shown: figures[shown]}, seeds)
    return results


def _fit_once(recipe: Recipe, images: Images, seed: int) -> dict[str, Any]:
    started = time.perf_counter()
    fitted: FittedImages = recipe.parameters.fit(images.values, seed, unwatched)
    codes = fitted.encoder.codes(images.values)
    found = fitted.clustering.memberships(codes).argmax(axis=1)
    seconds = time.perf_counter() - started
    return {"seed": seed, **image_figures(images, codes, found, fitted, seed), "seconds": seconds}


def table_words(results: Results) -> str:
    """What `seed_rows` shows, and whether each recipe has seeds enough for it."""
    return seed_words(min(len(one["folds"]) for one in results["recipes"].values()))


def seed_rows(results: Results) -> list[list[str]]:
    """A row of text per recipe, best mean first: its name, its figures, seconds, and how many seeds there were.

    Mean ± deviation and worst of the first figure, and of the start's accuracy if one of the recipes has a start.
    """
    measured = [
        key for key in MEASURED if all(key in fold for one in results["recipes"].values() for fold in one["folds"])
    ]
    started = {name for name, one in results["recipes"].items() if all(START in fold for fold in one["folds"])}
    rows = []
    for name in sorted(results["recipes"], key=lambda name: -float(figure(results, name, measured[0]).mean())):
        cells = _mean_and_worst(results, name, measured[0])
        cells += [f"{figure(results, name, key).mean():.4f}" for key in measured[1:]]
        if started:
            cells += _mean_and_worst(results, name, START) if name in started else ["", ""]
        seconds = figure(results, name, "seconds")
        rows.append([name, *cells, f"{seconds.mean():.0f}", str(len(seconds))])
    head = ["recipe", measured[0], "worst", *measured[1:], *(["start accuracy", "worst start"] if started else [])]
    return [[*head, "seconds", "seeds"], *rows]


def _mean_and_worst(results: Results, name: str, key: str) -> list[str]:
    values = figure(results, name, key)
    return [mean_and_deviation(values), f"{values.min():.4f}"]
