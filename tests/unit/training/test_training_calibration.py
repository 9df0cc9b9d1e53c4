"""Probabilities are brought to mean what they say, and labels are withheld where the promise would break."""

import numpy as np
import pytest
from scipy import sparse

from training.calibration import calibrate, choose_threshold, fit_temperature, judge, shorten
from training.metrics import calibration_by_chance, calibration_curve, calibration_error, scores
from training.models.interface import Examples
from training.serving import Serving, single_logit


def draw(users: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are exactly calibrated, and outcomes."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.5, 1.5, users)
    return logits, (rng.random(users) < 1 / (1 + np.exp(-logits))).astype(np.float32)


@pytest.mark.parametrize("distortion", [0.5, 1.0, 3.0])
def test_temperature_undoes_a_scale(distortion: float) -> None:
    logits, target = draw(50_000)
    assert fit_temperature(logits * distortion, target) == pytest.approx(distortion, rel=0.03)


def test_threshold_keeps_the_promise_on_new_users() -> None:
    logits, target = draw(20_000)
    threshold = choose_threshold(*judge(logits, target), precision=0.85)
    confidence, right = judge(*draw(20_000, seed=1))
    published = confidence >= threshold
    assert right[published].mean() == pytest.approx(0.85, abs=0.01)
    assert 0.5 < published.mean() < 1


def test_nothing_is_published_where_no_promise_can_be_kept() -> None:
    rng = np.random.default_rng(0)
    logits, target = rng.normal(0, 0.1, 1_000), rng.integers(0, 2, 1_000).astype(np.float32)
    assert choose_threshold(*judge(logits, target), precision=0.9) == 1.0


@pytest.mark.parametrize(
    ("confidence", "right"),
    [
        # Nobody is said to be right as often as the surest happened to be.
        (np.linspace(0.7, 0.6, 200), np.arange(200) < 100),
        # Half of those of whom the model is all but certain are wrong.
        (np.linspace(0.99, 0.97, 200), np.arange(200) % 2 == 0),
    ],
    ids=["luck", "conceit"],
)
def test_neither_luck_nor_conceit_makes_a_promise(confidence: np.ndarray, right: np.ndarray) -> None:
    assert choose_threshold(confidence, right, precision=0.9) == 1.0


def test_a_few_users_are_no_evidence() -> None:
    """Less than one in a hundred may well be right by chance."""
    confidence = np.concatenate([np.linspace(1, 0.99, 9), np.full(991, 0.6)])
    right = np.concatenate([np.full(9, True), np.arange(991) % 2 == 0])
    assert choose_threshold(confidence, right, precision=0.95) == 1.0


def test_shorten_keeps_some_songs_of_everybody() -> None:
    matrix = sparse.csr_array((np.random.default_rng(0).random((50, 30)) < 0.4).astype(np.float32))
    short = shorten(matrix, 5, np.random.default_rng(1))
    assert np.array_equal(np.diff(short.indptr), np.minimum(np.diff(matrix.indptr), 5))
    assert (matrix - short).min() >= 0
    assert (shorten(matrix, 5, np.random.default_rng(2)) != short).nnz > 0


def test_short_playlists_that_break_the_promise_get_no_label() -> None:
    """Two songs of five say the wrong thing, and are outvoted as soon as most of the others are there."""
    rng = np.random.default_rng(0)
    users = 2_000
    gender = rng.integers(0, 2, users).astype(np.int8)
    own_side = np.arange(6) // 3 == gender[:, None]
    matrix = np.where(own_side, 1, np.arange(6) % 3 < 2).astype(np.float32)
    table = np.repeat(np.array([-3, 3], dtype=np.float32), 3)[:, None]
    serving = Serving(table, np.zeros(1, np.float32), 0.0, "linear", single_logit(np.ones(1, np.float32), 0.0))
    calibration = calibrate(serving, Examples(sparse.csr_array(matrix), gender), 0.85, seed=0)
    assert calibration.min_known_songs > 1
    assert calibration.precision == 1.0
    assert calibration.coverage == 1.0


@pytest.mark.parametrize("distortion", [0.5, 3.0])
def test_a_model_that_is_too_sure_or_not_sure_enough_is_put_right(distortion: float) -> None:
    """Each user has a song of their own, whose row is a distorted logit."""
    logits, target = draw(4_000)
    rows = (logits * distortion).astype(np.float32)[:, None]
    serving = Serving(rows, np.zeros(1, np.float32), 0.0, "linear", single_logit(np.ones(1, np.float32), 0.0))
    held = Examples(sparse.eye_array(len(logits), format="csr", dtype=np.float32), target.astype(np.int8))
    calibration = calibrate(serving, held, 0.85, seed=0)
    assert calibration.temperature == pytest.approx(distortion, rel=0.1)
    assert calibration.threshold == pytest.approx(choose_threshold(*judge(logits, target), precision=0.85), abs=0.03)
    assert calibration.precision == pytest.approx(0.85, abs=0.02)


def test_calibration_error_is_that_of_the_distortion() -> None:
    logits, target = draw(50_000)
    assert calibration_error(logits, target) < 0.01
    assert calibration_error(logits * 3, target) > 0.1


def test_right_probabilities_have_the_calibration_error_of_chance() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(1, 1, 1_500)
    probability = 1 / (1 + np.exp(-logits))
    errors = [calibration_error(logits, (rng.random(1_500) < probability).astype(np.float32)) for _ in range(300)]
    assert calibration_by_chance(logits) == pytest.approx(np.mean(errors), rel=0.03)


def test_bins_hold_equally_many_users() -> None:
    rng = np.random.default_rng(0)
    logits = np.sort(rng.normal(2, 1, 150))
    order, target = rng.permutation(150), (rng.random(150) < 0.7).astype(np.float32)
    predicted, observed, users = calibration_curve(logits[order], target[order])
    assert users.tolist() == [10] * 15
    assert predicted == pytest.approx((1 / (1 + np.exp(-logits))).reshape(15, 10).mean(axis=1))
    assert observed == pytest.approx(target.reshape(15, 10).mean(axis=1))
    assert calibration_error(logits, target) == pytest.approx(np.abs(predicted - observed).mean())


def test_scores_by_hand() -> None:
    """Three women, of whom the last is taken for a man, and four men, the last of whom is taken for a woman."""
    logits, target = np.array([-3.0, -1.0, 1.0, 2.0, 2.5, 3.0, -0.5]), np.array([0, 0, 0, 1, 1, 1, 1], dtype=np.float32)
    figures = scores(logits, target, threshold=0.7)
    assert figures["auc"] == pytest.approx(11 / 12)
    assert (figures["accuracy"], figures["majority"]) == pytest.approx((5 / 7, 4 / 7))
    assert (figures["recall_f"], figures["recall_m"]) == pytest.approx((2 / 3, 3 / 4))
    assert (figures["coverage"], figures["precision"]) == pytest.approx((6 / 7, 5 / 6))
    wrongness = np.log1p(np.exp([-3.0, -1.0, 1.0, -2.0, -2.5, -3.0, 0.5]))
    assert figures["log_loss"] == pytest.approx(wrongness.mean())
    assert scores(-logits, 1 - target, threshold=0.7)["majority"] == pytest.approx(4 / 7)
