"""Evaluation: the same folds for everybody, nothing of the tested users in training, no work done twice."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training.datasets.playlists import Playlists
from training.errors import TrainingError
from training.evaluate import calibration_over_folds, compare, evaluate, figure, make_plan
from training.recipe import load_recipe
from training.watch import History, unwatched

LOGISTIC = load_recipe("logistic_length", {"strengths": [0.3]})
MAJORITY = load_recipe("majority")


def test_compares_on_the_same_folds_and_goes_on(small: Playlists, tmp_path: Path) -> None:
    path, plan = tmp_path / "figures.json", make_plan(small, 3, 2, 0, 0.85)
    started = evaluate([LOGISTIC], small, plan, path, unwatched, first=2)
    assert len(figure(started, "logistic_length", "auc")) == 2
    evaluate([LOGISTIC], small, plan, path, unwatched)
    history = History()
    results = evaluate([LOGISTIC, MAJORITY], small, plan, path, history)
    assert {figures["phase"] for figures in history.epochs} == {"majority"}, "finished folds were fitted again"
    assert len(figure(results, "logistic_length", "auc")) == 6
    majorities = [figure(results, name, "majority") for name in ("logistic_length", "majority")]
    assert np.array_equal(*majorities), "the folds differ"
    test = compare(results, "logistic_length")["majority"]
    assert test["difference"] > 0.2
    assert test["p"] < 0.01


def test_chance_leaves_the_calibration_error_when_folds_are_joined() -> None:
    rng = np.random.default_rng(0)
    folds = [{"calibration_gaps": (0.01 + rng.normal(0, 0.03, 15)).tolist()} for _ in range(100)]
    results = {"recipes": {"one": {"folds": folds}}}
    assert np.abs([fold["calibration_gaps"] for fold in folds]).mean() > 0.02
    assert calibration_over_folds(results, "one") == pytest.approx(0.01, abs=0.002)


def test_learns_nothing_from_the_tested(small: Playlists, tmp_path: Path) -> None:
    """With genders dealt at random there is nothing to find; a leak would find it."""
    shuffled = replace(small, gender=np.random.default_rng(0).permutation(small.gender))
    for recipe in (LOGISTIC, load_recipe("songprint", {"units": 16, "factors": 8, "taste_units": 4, "epochs": 4})):
        results = evaluate([recipe], shuffled, make_plan(shuffled, 2, 2, 0, 0.85), tmp_path / recipe.name, unwatched)
        assert figure(results, recipe.name, "auc").mean() == pytest.approx(0.5, abs=0.06)


def test_refuses_figures_that_cannot_be_compared(small: Playlists, tmp_path: Path) -> None:
    path, plan = tmp_path / "figures.json", make_plan(small, 2, 1, 0, 0.85)
    evaluate([MAJORITY], small, plan, path, unwatched)
    with pytest.raises(TrainingError, match="of other data, folds, seed or precision"):
        evaluate([MAJORITY], small, replace(plan, seed=1), path, unwatched)
    other = replace(LOGISTIC, name="majority")
    with pytest.raises(TrainingError, match="with other parameters"):
        evaluate([other], small, plan, path, unwatched)
    path.write_text("{")
    with pytest.raises(TrainingError, match="is no evaluation"):
        evaluate([MAJORITY], small, plan, path, unwatched)
