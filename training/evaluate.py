"""Comparing recipes on the same folds, each fitted and calibrated inside the training part alone."""

import json
import os
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.calibrated_fit import fit_calibrated
from training.datasets.checks import require_folds
from training.datasets.digest import data_digest
from training.datasets.playlists import GENDERS, Playlists, song_users
from training.datasets.split import Rows, repeated_folds
from training.errors import TrainingError
from training.metrics import calibration_curve, scores
from training.models.interface import Examples
from training.paired_test import corrected_t_test
from training.recipe import Recipe
from training.serving import restrict_songs
from training.watch import Figures, History, Watch

FORMAT = 2
FAMILY = "playlists"

Results = dict[str, Any]
"""The evaluation as it is stored: `plan`, per recipe its parameters and one dictionary of figures per fold, and, where
`summarise` was asked, `summary`."""

LOSSES = ("loss", "validation_loss")


@dataclass(frozen=True)
class Plan:
    """What has to be the same for figures to be comparable."""

    data: str
    folds: int
    repeats: int
    seed: int
    precision: float


def make_plan(data: Playlists, folds: int, repeats: int, seed: int, precision: float) -> Plan:
    """Raises DataError where the data has too few users for so many folds."""
    require_folds(data, folds)
    return Plan(data_digest(data), folds, repeats, seed, precision)


def open_results(path: Path, plan: dict[str, Any], family: str = FAMILY) -> Results:
    """The results so far, or empty ones. Raises TrainingError where the file holds those of another plan."""
    if not path.exists():
        return {"format": FORMAT, "family": family, "plan": plan, "recipes": {}}
    results = read_results(path, family)
    if results["plan"] != plan:
        raise TrainingError(f"{path} holds an evaluation of other data, folds, seed or precision; give another --out")
    return results


def read_results(path: Path, family: str) -> Results:
    """The results in a file. Raises TrainingError where it holds none, or those of recipes of another family."""
    try:
        results: Results = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} is no evaluation: {error}; make one with evaluate") from error
    if not isinstance(results, dict) or results.get("format") != FORMAT:
        raise TrainingError(f"{path} is no evaluation of this version; make one with evaluate")
    # Files from before there were families hold playlists.
    found = results.get("family", FAMILY)
    if found != family:
        raise TrainingError(f"{path} holds an evaluation of {found} where one of {family} is needed; give another file")
    return results


def evaluate(
    recipes: Iterable[Recipe], data: Playlists, plan: Plan, path: Path, watch: Watch, first: int | None = None
) -> Results:
    """Fit every recipe on every fold that `path` has no figures of yet, and store the figures after each.

    With `first`, only the first so many folds: enough for recipes that are slow and not in the running. The watch is
    told of every fold as if it were an epoch.
    """
    results = open_results(path, asdict(plan))
    # What was said of fewer folds or recipes would no longer be true.
    results.pop("summary", None)
    folds = repeated_folds(data.gender, plan.folds, plan.repeats, plan.seed)[:first]
    for recipe in recipes:
        stored = results["recipes"].setdefault(recipe.name, {"recipe": recipe.as_json(), "folds": []})
        if stored["recipe"] != recipe.as_json():
            raise TrainingError(f"{path} holds {recipe.name} with other parameters; give another --out")
        for number in range(len(stored["folds"]), len(folds)):
            figures = _fit_fold(recipe, data, folds[number], plan, number)
            stored["folds"].append(figures)
            store_results(path, results)
            watch({"phase": recipe.name, "epoch": number + 1, "auc": figures["auc"]}, len(folds))
    return results


def _fit_fold(recipe: Recipe, data: Playlists, fold: tuple[Rows, Rows], plan: Plan, number: int) -> dict[str, Any]:
    """Figures of the test users, of whom nothing was used in training."""
    learn, test = fold
    started = time.perf_counter()
    vocabulary = np.flatnonzero(song_users(data.matrix[learn]))
    examples = Examples(restrict_songs(data.matrix[learn], vocabulary), data.gender[learn])
    history = History()
    fit = fit_calibrated(recipe, examples, plan.precision, plan.seed + number, history)
    logits = fit.fitted.serving.logits(restrict_songs(data.matrix[test], vocabulary)) / fit.calibration.temperature
    target = (data.gender[test] == len(GENDERS) - 1).astype(np.float32)
    seconds = time.perf_counter() - started
    predicted, observed, _ = calibration_curve(logits, target)
    return {
        **scores(logits, target, fit.calibration.threshold),
        "temperature": fit.calibration.temperature,
        "threshold": fit.calibration.threshold,
        "promised": fit.calibration.precision,
        "calibration_gaps": (predicted - observed).tolist(),
        "losses": last_losses(history.epochs),
        "seconds": seconds,
    }


def last_losses(epochs: Iterable[Figures]) -> dict[str, dict[str, float]]:
    """By phase of the training, the losses of its last epoch."""
    last = {str(figures["phase"]): figures for figures in epochs}
    return {phase: {key: float(figures[key]) for key in LOSSES if key in figures} for phase, figures in last.items()}


def store_results(path: Path, results: Results) -> None:
    """Replace the file whole, so that a stop leaves the last complete one."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(json.dumps(results, indent=1, allow_nan=False) + "\n", "utf-8")
    os.replace(temporary, path)


def figure(results: Results, name: str, key: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """float64 [folds]: one figure of one recipe."""
    return np.array([fold[key] for fold in results["recipes"][name]["folds"]], dtype=np.float64)


def calibration_over_folds(results: Results, name: str) -> float:
    """The calibration error of the held-out users of all folds together, bins of the same rank joined.

    One fold has so few users per bin that most of its own error is chance (see `calibration_by_chance`).
    """
    gaps = np.array([fold["calibration_gaps"] for fold in results["recipes"][name]["folds"]], dtype=np.float64)
    return float(np.abs(gaps.mean(axis=0)).mean())


def compare(results: Results, reference: str, key: str = "auc") -> dict[str, dict[str, float]]:
    """The reference minus every other recipe, on the folds that both have: difference, deviation and p."""
    test_share = 1 / (results["plan"]["folds"] - 1)
    ours = figure(results, reference, key)
    tests = {}
    for name in results["recipes"]:
        theirs = figure(results, name, key)
        shared = min(len(ours), len(theirs))
        if name != reference and shared:
            tests[name] = asdict(corrected_t_test(ours[:shared] - theirs[:shared], test_share))
    return tests


def summarise(results: Results, reference: str) -> dict[str, Any]:
    """Per recipe, mean and deviation over its folds of every figure, and the paired test of the reference's AUC."""
    tests = compare(results, reference)
    recipes: dict[str, Any] = {}
    for name, stored in results["recipes"].items():
        keys = [key for key, value in stored["folds"][0].items() if isinstance(value, float | int)]
        figures = {key: figure(results, name, key) for key in keys}
        recipes[name] = {
            "folds": len(stored["folds"]),
            "mean": {key: float(values.mean()) for key, values in figures.items()},
            # One fold has none.
            "deviation": {key: float(values.std(ddof=1)) for key, values in figures.items() if len(values) > 1},
            "calibration_error_of_all_folds": calibration_over_folds(results, name),
        }
        if name in tests:
            recipes[name]["reference_better_by"] = tests[name]
    return {"reference": reference, "recipes": recipes}
