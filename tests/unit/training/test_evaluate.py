"""Evaluation: the same folds for everybody, nothing of the tested users in training, no work done twice."""

from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from training.baselines import FIGURES, measure_baselines
from training.calibrated_fit import fit_calibrated
from training.commands.evaluate import _losses, _table
from training.datasets.playlists import Playlists, song_users
from training.datasets.split import Rows, repeated_folds
from training.errors import TrainingError
from training.evaluate import (
    Plan,
    _fit_fold,
    calibration_over_folds,
    compare,
    evaluate,
    figure,
    make_plan,
    summarise,
)
from training.families import FitOptions
from training.fit_playlists import _held_out
from training.metrics import scores
from training.models.interface import Examples, Fitted
from training.paired_test import corrected_t_test
from training.recipe import Recipe, load_recipe
from training.watch import History, Watch, unwatched

LOGISTIC = load_recipe("logistic_length", {"strengths": [0.3]})
MAJORITY = load_recipe("majority")


@dataclass(frozen=True)
class Seen:
    """A model that tells of its epochs as autoencoders do, and keeps what it was given to learn from."""

    given: list[Examples] = field(default_factory=list)

    def fit(self, examples: Examples, held: Rows, seed: int, watch: Watch) -> Fitted:
        self.given.append(examples)
        for epoch in (1, 2):
            watch({"phase": "autoencoder", "epoch": epoch, "loss": 0.5 / epoch, "validation_loss": 0.8 / epoch}, 2)
        watch({"phase": "classifier", "epoch": 1, "loss": 0.3}, 1)
        return LOGISTIC.parameters.fit(examples, held, seed, unwatched)


def by_hand(**aucs: list[float]) -> dict[str, Any]:
    """An evaluation of five folds, or of the first of them, of which nothing but the AUC is of interest."""
    recipes = {
        name: {"folds": [{"auc": auc, "calibration_gaps": [0.1, -0.1]} for auc in values]}
        for name, values in aucs.items()
    }
    return {"plan": {"folds": 5}, "recipes": recipes}


def test_compares_on_the_same_folds_and_goes_on(
    small: Playlists, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, plan = tmp_path / "figures.json", make_plan(small, 3, 2, 0, 0.85)
    used: dict[tuple[str, int], tuple[Rows, Rows]] = {}

    def fit_fold(recipe: Recipe, data: Playlists, fold: tuple[Rows, Rows], plan: Plan, number: int) -> dict[str, Any]:
        used[recipe.name, number] = fold
        return _fit_fold(recipe, data, fold, plan, number)

    monkeypatch.setattr("training.evaluate._fit_fold", fit_fold)
    started = evaluate([LOGISTIC], small, plan, path, unwatched, first=2)
    assert len(figure(started, "logistic_length", "auc")) == 2
    evaluate([LOGISTIC], small, plan, path, unwatched)
    history = History()
    results = evaluate([LOGISTIC, MAJORITY], small, plan, path, history)
    assert {figures["phase"] for figures in history.epochs} == {"majority"}, "finished folds were fitted again"
    assert len(figure(results, "logistic_length", "auc")) == 6
    assert len(used) == 12
    for number in range(6):
        for mine, other in zip(used["logistic_length", number], used["majority", number], strict=True):
            assert np.array_equal(mine, other), "the folds differ"
    test = compare(results, "logistic_length")["majority"]
    assert test["difference"] > 0.2
    assert test["p"] < 0.01


def test_chance_leaves_the_calibration_error_when_folds_are_joined() -> None:
    rng = np.random.default_rng(0)
    folds = [{"calibration_gaps": (0.01 + rng.normal(0, 0.03, 15)).tolist()} for _ in range(100)]
    results = {"recipes": {"one": {"folds": folds}}}
    assert np.abs([fold["calibration_gaps"] for fold in folds]).mean() > 0.02
    assert calibration_over_folds(results, "one") == pytest.approx(0.01, abs=0.002)


def test_differences_are_tested_on_shared_folds_as_those_overlap() -> None:
    """A part of five is a quarter of those who learn."""
    ours, theirs = [0.80, 0.82, 0.81, 0.79, 0.83], [0.79, 0.80, 0.81, 0.78, 0.80]
    results = by_hand(ours=ours, theirs=theirs, short=theirs[:3])
    differences = np.array(ours) - np.array(theirs)
    assert compare(results, "ours") == {
        "theirs": asdict(corrected_t_test(differences, 1 / 4)),
        "short": asdict(corrected_t_test(differences[:3], 1 / 4)),
    }


def test_the_summary_has_means_deviations_and_the_test() -> None:
    results = by_hand(ours=[0.8, 0.9, 0.7], theirs=[0.75, 0.7, 0.65], once=[0.5])
    summary = summarise(results, "ours")
    assert summary["reference"] == "ours"
    ours, theirs, once = (summary["recipes"][name] for name in ("ours", "theirs", "once"))
    assert (ours["folds"], ours["mean"], ours["deviation"]) == (
        3,
        {"auc": pytest.approx(0.8)},
        {"auc": pytest.approx(0.1)},
    )
    assert theirs["reference_better_by"] == compare(results, "ours")["theirs"]
    assert ours["calibration_error_of_all_folds"] == pytest.approx(0.1)
    assert "reference_better_by" not in ours
    assert once["deviation"] == {}


def test_the_table_has_every_figure_and_the_best_first() -> None:
    keys = [
        "auc",
        "accuracy",
        "log_loss",
        "calibration_error",
        "calibration_by_chance",
        "recall_f",
        "recall_m",
        "coverage",
        "precision",
    ]
    keys += ["seconds", "majority"]
    folds = [{key: (place + 1) / 100 + fold / 1000 for place, key in enumerate(keys)} for fold in range(2)]
    better = [{**fold, "auc": 0.9, "calibration_gaps": [0.02, -0.02]} for fold in folds]
    results = {
        "plan": {"folds": 5, "repeats": 2},
        "recipes": {
            "ours": {"folds": [{**fold, "calibration_gaps": [0.03]} for fold in folds]},
            "theirs": {"folds": better},
        },
    }
    title, _, head, _, first, second = _table(results, "ours").splitlines()
    assert title == "2 x 5 folds, majority rate 0.1105; mean ± deviation over folds"
    heads, theirs, ours = ([cell.strip() for cell in row.strip("|").split("|")] for row in (head, first, second))
    assert heads[1:5] == ["AUC", "accuracy", "log loss", "calibration error"]
    assert heads[6:10] == ["recall f", "recall m", "coverage", "precision"]
    assert heads[11:] == ["calibration error over all folds", "ours better by", "p"]
    assert theirs[:3] == ["theirs", "0.9000 ± 0.0000", "0.0205 ± 0.0007"]
    assert [cell.partition(" ")[0] for cell in ours[1:10]] == [f"{place / 100 + 0.0005:.4f}" for place in range(1, 10)]
    assert (theirs[11:13], ours[11:]) == (["0.0200", "-0.8895"], ["0.0300", "", ""])


def test_the_tested_are_measured_and_nothing_else(small: Playlists) -> None:
    """Their genders turned round, nothing differs but the verdict; songs that only they have are unknown."""
    plan, fold = make_plan(small, 3, 1, 0, 0.85), repeated_folds(small.gender, 3, 1, 0)[0]
    learn, test = fold
    theirs = sparse.csr_array(([1.0], ([test[0]], [0])), shape=(len(small.gender), 1), dtype=np.float32)
    data = replace(small, matrix=sparse.csr_array(sparse.hstack([small.matrix, theirs])))
    turned = data.gender.copy()
    turned[test] = 1 - turned[test]
    recipe = replace(LOGISTIC, parameters=Seen())
    straight, other = (_fit_fold(recipe, each, fold, plan, 0) for each in (data, replace(data, gender=turned)))
    for key in ("temperature", "threshold", "promised", "coverage"):
        assert straight[key] == other[key], key
    assert other["auc"] == pytest.approx(1 - straight["auc"])
    for examples in recipe.parameters.given:
        assert examples.matrix.shape[0] == len(learn)
        assert np.array_equal(examples.gender, small.gender[learn])
        assert examples.matrix.shape[1] < data.matrix.shape[1]
        assert song_users(examples.matrix).min() > 0


def test_the_figures_of_a_fold_are_those_of_calibrated_probabilities(small: Playlists) -> None:
    """Of what was learnt from the training part; the third fold is fitted with a seed of its own."""
    plan, (learn, test) = make_plan(small, 3, 1, 5, 0.95), repeated_folds(small.gender, 3, 1, 5)[2]
    by_heart = load_recipe("logistic_length", {"strengths": [30.0]})
    figures = _fit_fold(by_heart, small, (learn, test), plan, 2)
    heard = np.flatnonzero(song_users(small.matrix[learn]))
    examples = Examples(small.matrix[learn][:, heard], small.gender[learn])
    fit = fit_calibrated(by_heart, examples, 0.95, 5 + 2, unwatched)
    assert fit.calibration.temperature > 1.2, "what is not calibrated looks the same"
    logits = fit.fitted.serving.logits(small.matrix[test][:, heard]) / fit.calibration.temperature
    target = (small.gender[test] == 1).astype(np.float32)
    expected = scores(logits, target, fit.calibration.threshold)
    assert {key: figures[key] for key in expected} == expected


def test_a_fold_holds_the_losses_that_training_ended_with(small: Playlists) -> None:
    plan, fold = make_plan(small, 3, 1, 0, 0.85), repeated_folds(small.gender, 3, 1, 0)[0]
    figures = _fit_fold(replace(LOGISTIC, parameters=Seen()), small, fold, plan, 0)
    assert figures["losses"] == {"autoencoder": {"loss": 0.25, "validation_loss": 0.4}, "classifier": {"loss": 0.3}}
    table = "\n".join(_losses({"recipes": {"seen": {"folds": [figures, figures]}}}))
    assert "| seen   | autoencoder | 0.2500 ± 0.0000 | 0.4000 ± 0.0000 |" in table
    assert "classifier" not in table
    assert _losses({"recipes": {"majority": {"folds": [{"losses": {}}, {}]}}}) == []


def test_baselines_of_a_run_are_measured_as_the_run_is(small: Playlists) -> None:
    examples, options = Examples(small.matrix, small.gender), FitOptions(3, datetime.now(UTC), 0.85)
    fit = fit_calibrated(load_recipe("logistic_length"), examples, options.precision, options.seed, unwatched)
    held = _held_out(small, fit, np.zeros(len(small.gender), dtype=np.intp))
    expected = scores(held.logits, held.target, fit.calibration.threshold)
    assert measure_baselines(examples, options)["logistic_length"] == {key: expected[key] for key in FIGURES}


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
