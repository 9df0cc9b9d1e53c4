"""The default model: which way of weighing songs it takes, and that one table serves what two paths learnt."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from training.models import songprint
from training.models.bag_network import BagInputs, BagWeights
from training.models.interface import Examples
from training.recipe import load_recipe
from training.watch import History, unwatched

USERS, SONGS = 60, 15
RANDOM = np.random.default_rng(4)
MATRIX = (RANDOM.random((USERS, SONGS)) < np.linspace(0.1, 0.8, SONGS)).astype(np.float32)
MATRIX[:, 0] = 1
EXAMPLES = Examples(sparse.csr_array(MATRIX), RANDOM.integers(0, 2, USERS).astype(np.int8))
UNITS, TASTE_UNITS, FACTORS = 6, 3, 5
MODEL = load_recipe("songprint", {"units": UNITS, "taste_units": TASTE_UNITS, "factors": FACTORS}).parameters
WEIGHTS = BagWeights(
    *(
        RANDOM.normal(0, 0.5, shape).astype(np.float32)
        for shape in ((SONGS, UNITS), (FACTORS, UNITS), (UNITS,), (UNITS, 1), (1,))
    )
)


def test_one_table_serves_what_the_free_rows_and_the_factors_say() -> None:
    fixed = MODEL._fixed(EXAMPLES, 0.25, 0)
    inputs = fixed.inputs(EXAMPLES)
    code = np.maximum(inputs.rows @ WEIGHTS.table + inputs.factors @ WEIGHTS.mixing + WEIGHTS.bias, 0)
    logits = (code @ WEIGHTS.output)[:, 0] + WEIGHTS.intercept
    served = songprint._fused(fixed, WEIGHTS, TASTE_UNITS)
    assert logits.std() > 0.1
    assert served.logits(EXAMPLES.matrix) == pytest.approx(logits, abs=1e-4)
    assert EXAMPLES.log_loss(served) == pytest.approx(WEIGHTS.log_loss(inputs), abs=1e-5)


def test_what_is_best_on_held_out_users_is_trained_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    losses, epochs = {0.1: 0.6, 0.25: 0.5, 0.4: 0.7}, {0.1: 3, 0.25: 4, 0.4: 5}
    learnt: list[int] = []

    class Network:
        def train_epoch(self, inputs: BagInputs) -> float:
            learnt.append(len(inputs.target))
            return 0.0

        def weights(self) -> BagWeights:
            return WEIGHTS

    def attempt(self: songprint.Songprint, exponent: float, learn: Examples, *_: object) -> songprint._Attempt:
        assert learn.matrix.shape[0] == USERS - 12
        rehearsal = songprint._fused(self._fixed(learn, exponent, 0), WEIGHTS, TASTE_UNITS)
        return songprint._Attempt(exponent, epochs[exponent], rehearsal, losses[exponent])

    monkeypatch.setattr(songprint.Songprint, "_attempt", attempt)
    monkeypatch.setattr(songprint.Songprint, "_network", lambda *_: Network())
    held = np.arange(0, USERS, 5)
    fitted = MODEL.fit(EXAMPLES, held, 0, unwatched)

    assert learnt == [USERS] * 4
    expected = songprint._fused(MODEL._fixed(EXAMPLES, 0.25, 0), WEIGHTS, TASTE_UNITS)
    rehearsed = attempt(MODEL, 0.25, EXAMPLES.rows(np.setdiff1d(np.arange(USERS), held))).rehearsal
    assert np.array_equal(fitted.serving.table, expected.table)
    assert np.array_equal(fitted.rehearsal.table, rehearsed.table)


def test_an_attempt_is_judged_on_the_held_out_and_learns_nothing_from_them() -> None:
    learn, held = EXAMPLES.rows(np.arange(40)), EXAMPLES.rows(np.arange(40, USERS))
    strangers = Examples(sparse.csr_array(1 - MATRIX[40:]), held.gender)
    brief, history = replace(MODEL, epochs=1, initial_deviation=1.0), History()
    ours, theirs = (brief._attempt(0.25, learn, judged, 0, history) for judged in (held, strangers))
    assert np.array_equal(ours.rehearsal.table, theirs.rehearsal.table)
    losses = [held.log_loss(ours.rehearsal), strangers.log_loss(ours.rehearsal)]
    assert [ours.loss, theirs.loss] == pytest.approx(losses, abs=1e-4)
    assert [figures["validation_loss"] for figures in history.epochs] == pytest.approx(losses, abs=1e-4)
    assert abs(losses[0] - losses[1]) > 1e-2


class Judged(Exception):
    """Ends a fit before it has learnt anything."""


def test_songs_that_only_held_out_users_have_decide_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    held = np.arange(0, USERS, 5)
    matrix = MATRIX.copy()
    matrix[np.setdiff1d(np.arange(USERS), held), 3] = 0
    judged: list[Examples] = []

    def attempt(self: object, exponent: float, learn: Examples, validation: Examples, *_: object) -> None:
        judged.append(validation)
        raise Judged

    monkeypatch.setattr(songprint.Songprint, "_attempt", attempt)
    with pytest.raises(Judged):
        MODEL.fit(Examples(sparse.csr_array(matrix), EXAMPLES.gender), held, 0, unwatched)
    expected = matrix[held]
    assert expected[:, 3].any()
    expected[:, 3] = 0
    assert np.array_equal(judged[0].matrix.toarray(), expected)
