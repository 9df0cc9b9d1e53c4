"""Linear models are what scikit-learn makes of the same playlists written out in full."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

from training.models import linear, softmax_classifier
from training.models.interface import Examples, Fitted
from training.models.softmax_classifier import ClassifierSettings
from training.recipe import load_recipe
from training.serving import single_logit
from training.watch import unwatched

USERS, SONGS = 120, 12
RANDOM = np.random.default_rng(2)
DENSE = (RANDOM.random((USERS, SONGS)) < np.linspace(0.2, 0.7, SONGS)).astype(np.float64)
DENSE[:, 0] = 1
LIKED = np.linspace(-1.5, 1.5, SONGS)[RANDOM.permutation(SONGS)]
GENDER = (DENSE @ LIKED + RANDOM.normal(0, 1, USERS) > np.median(DENSE @ LIKED)).astype(np.int8)
MATRIX = sparse.csr_array(DENSE.astype(np.float32))
HELD = np.arange(0, USERS, 5)


def up_to_sign(codes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """A direction may as well point the other way."""
    return others * np.sign((codes * others).sum(axis=0))


def test_pca_is_that_of_the_centred_playlists() -> None:
    codes = load_recipe("pca", {"units": 4}).parameters._pca(MATRIX, seed=0).with_head(()).codes(MATRIX)
    theirs = PCA(4, svd_solver="full").fit(DENSE)
    expected = theirs.transform(DENSE) * np.sqrt(4 / theirs.explained_variance_.sum())
    assert codes == pytest.approx(up_to_sign(codes, expected), abs=1e-4)


def test_truncated_svd_is_that_of_playlists_by_the_root_of_their_length() -> None:
    codes = load_recipe("truncated_svd", {"units": 4}).parameters._svd(MATRIX, seed=0).with_head(()).codes(MATRIX)
    rows = DENSE / np.sqrt(DENSE.sum(axis=1, keepdims=True))
    expected = rows @ np.linalg.svd(rows)[2][:4].T
    expected *= 2 / np.sqrt((expected**2).sum(axis=1).mean())
    assert codes == pytest.approx(up_to_sign(codes, expected), abs=1e-4)


def fit(name: str, **parameters: list[float]) -> Fitted:
    model = load_recipe(name, parameters).parameters
    fitted: Fitted = model.fit(Examples(MATRIX, GENDER), HELD, 0, unwatched)
    return fitted


@pytest.mark.parametrize(
    ("name", "parameters", "length", "popularity"),
    [
        ("logistic_raw", {}, 0.0, 0.0),
        ("logistic_length", {}, 0.5, 0.0),
        ("logistic_weighted", {"length_exponents": [0.7], "popularity_exponents": [0.45]}, 0.7, 0.45),
    ],
)
def test_logistic_regression_is_that_of_the_scaled_playlists(
    name: str, parameters: dict[str, list[float]], length: float, popularity: float
) -> None:
    users = DENSE.sum(axis=0) + 1
    rows = DENSE * (users / users.mean()) ** -popularity / DENSE.sum(axis=1, keepdims=True) ** length
    rows /= np.sqrt((rows**2).sum(axis=1).mean())
    theirs = LogisticRegression(C=3.0, max_iter=1_000).fit(rows, GENDER)
    logits = fit(name, strengths=[3.0], **parameters).serving.logits(MATRIX)
    assert logits == pytest.approx(theirs.decision_function(rows), abs=1e-2)


@pytest.mark.parametrize(
    ("choice", "absurd", "sensible"),
    [
        ("strengths", 1e-9, 3.0),
        # The best for those who are learnt from.
        ("strengths", 1e4, 30.0),
        ("length_exponents", 40.0, 0.5),
        ("popularity_exponents", 40.0, 0.0),
    ],
)
def test_the_held_out_users_decide_what_is_tried(choice: str, absurd: float, sensible: float) -> None:
    alone = {"strengths": [3.0], "length_exponents": [0.5], "popularity_exponents": [0.0], choice: [sensible]}
    expected = fit("logistic_weighted", **alone)
    for tried in ([absurd, sensible], [sensible, absurd]):
        found = fit("logistic_weighted", **{**alone, choice: tried})
        assert np.array_equal(found.rehearsal.table, expected.rehearsal.table), tried
        assert np.array_equal(found.serving.table, expected.serving.table), tried


def test_candidates_are_judged_after_calibration() -> None:
    """One that orders users alike and is ten times as sure of everything is as good."""
    serving, held = fit("logistic_length", strengths=[3.0]).rehearsal, Examples(MATRIX, GENDER).rows(HELD)
    kernel, intercept = serving.head[0].kernel[:, 1], float(serving.head[0].bias[1])
    surer = replace(serving, head=single_logit(10 * kernel, 10 * intercept))
    assert held.log_loss(surer) > held.log_loss(serving) + 0.05
    assert linear._calibrated_loss(surer, held) == pytest.approx(linear._calibrated_loss(serving, held), rel=1e-4)


@pytest.mark.parametrize("name", ["pca", "truncated_svd", "mult_vae", "denoising_autoencoder"])
def test_every_encoder_has_the_classifier_that_its_recipe_says(name: str) -> None:
    brief = {} if name in ("pca", "truncated_svd") else {"epochs": 1}
    model = load_recipe(name, {"units": 4, "classifier_epochs": 7, **brief}).parameters
    served = model.fit(Examples(MATRIX, GENDER), HELD, 3, unwatched).serving
    settings = ClassifierSettings(7, model.batch_users, model.classifier_rate)
    codes, everybody = served.codes(MATRIX), np.arange(USERS)
    expected = softmax_classifier._train(codes, GENDER, settings, 3, unwatched, everybody, "classifier")
    assert [layer.kernel.tolist() for layer in served.head] == [expected.kernel.tolist()]
