"""One contract for every playlist recipe: it learns, it repeats itself, and it serves what the stream computes."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from training.calibrated_fit import fit_calibrated
from training.datasets.playlists import Playlists, song_users
from training.datasets.split import hold_out
from training.models.interface import Examples, Fitted
from training.recipe import Recipe, load_recipe, recipe_names
from training.serving import restrict_songs
from training.watch import History, unwatched

QUICK = {
    "songprint": {
        "units": 24,
        "taste_units": 8,
        "factors": 16,
        "popularity_exponents": [0.25],
        "epochs": 12,
        "rate": 5e-3,
        "table_rate": 2e-3,
    },
    "joint": {"units": 24, "epochs": 12, "rate": 5e-3},
    "ktv_autoencoder": {"units": 32, "epochs": 8, "classifier_epochs": 60, "rate": 5e-3, "classifier_rate": 1e-2},
    "ktv_autoencoder_300": {"units": 32, "epochs": 8, "classifier_epochs": 60, "rate": 5e-3, "classifier_rate": 1e-2},
    "denoising_autoencoder": {"units": 32, "epochs": 8, "classifier_epochs": 60, "rate": 5e-3, "classifier_rate": 1e-2},
    "mult_vae": {"units": 16, "epochs": 15, "classifier_epochs": 60, "rate": 1e-2, "classifier_rate": 1e-2},
    "pca": {"units": 16, "classifier_epochs": 60, "classifier_rate": 1e-2},
    "truncated_svd": {"units": 16, "classifier_epochs": 60, "classifier_rate": 1e-2},
    "logistic_weighted": {"length_exponents": [0.5], "popularity_exponents": [0.0, 0.3], "strengths": [0.3, 1.0]},
}
FIGURES = {
    "songprint": {"popularity^-0.25": ("loss", "validation_loss"), "training on all": ("loss",)},
    "joint": {"finding the epochs": ("loss", "validation_loss"), "training on all": ("loss",)},
    "ktv_autoencoder": {"autoencoder": ("loss", "validation_loss"), "classifier": ("loss",)},
}
"""By phase, what is told of every epoch."""
PLAYLIST_RECIPES = [name for name in recipe_names() if load_recipe(name).family == "playlists"]


def quick(name: str) -> Recipe:
    return load_recipe(name, QUICK.get(name))


@pytest.fixture(scope="module")
def parts(small: Playlists) -> tuple[Examples, Examples]:
    """Examples with some genders unknown, and users that no model may see, over the same songs."""
    learn, test = hold_out(small.gender, 0.3, seed=0)
    vocabulary = np.flatnonzero(song_users(small.matrix[learn]))
    gender = small.gender[learn].copy()
    gender[::15] = -1
    examples = Examples(restrict_songs(small.matrix[learn], vocabulary), gender)
    return examples, Examples(restrict_songs(small.matrix[test], vocabulary), small.gender[test])


def fit(name: str, examples: Examples, history: History | None = None) -> Fitted:
    return fit_calibrated(quick(name), examples, 0.85, seed=1, watch=history or unwatched).fitted


@pytest.mark.parametrize("name", PLAYLIST_RECIPES)
def test_learns_and_serves(name: str, parts: tuple[Examples, Examples]) -> None:
    examples, test = parts
    matrix, gender = examples.matrix.copy(), examples.gender.copy()
    history = History()
    fitted = fit(name, examples, history)
    assert (examples.matrix != matrix).nnz == 0, "fitting changed the playlists"
    assert np.array_equal(examples.gender, gender), "fitting changed the genders"
    for serving in (fitted.serving, fitted.rehearsal):
        assert serving.table.shape == (matrix.shape[1], len(serving.bias))
        assert serving.table.dtype == serving.bias.dtype == np.float32
        assert np.isfinite(serving.table).all()
        assert serving.head[-1].kernel.shape[1] == 2
        auc = roc_auc_score(test.gender, serving.logits(test.matrix))
        assert auc == 0.5 if name == "majority" else auc > 0.7, auc
    assert name == "majority" or all(figures["phase"] for figures in history.epochs)
    for phase, told in FIGURES.get(name, {}).items():
        epochs = [figures for figures in history.epochs if figures["phase"] == phase]
        assert [figures["epoch"] for figures in epochs] == list(range(1, len(epochs) + 1))
        assert epochs
        assert np.isfinite([[figures[loss] for loss in told] for figures in epochs]).all()


@pytest.mark.parametrize("name", ["songprint", "joint", "logistic_length", "pca", "truncated_svd"])
def test_playlists_are_never_written_out_in_full(
    name: str, parts: tuple[Examples, Examples], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All users times all songs would not fit into memory."""

    def refuse(self: object, *_: object, **__: object) -> None:
        raise AssertionError(f"{self!r} became dense")

    for kind in (sparse.csr_array, sparse.csc_array, sparse.coo_array):
        monkeypatch.setattr(kind, "toarray", refuse)
    brief = {"epochs": 1} if name in ("songprint", "joint") else {}
    recipe = load_recipe(name, {**QUICK.get(name, {}), **brief})
    assert fit_calibrated(recipe, parts[0], 0.85, seed=1, watch=unwatched).known.matrix.nnz


@pytest.mark.parametrize(
    ("name", "exponent", "activation"),
    [("ktv_autoencoder", 0.0, "relu"), ("joint", 0.5, "relu"), ("mult_vae", 0.5, "linear")],
)
def test_playlists_are_normalised_and_codes_made_as_described(
    name: str, exponent: float, activation: str, parts: tuple[Examples, Examples]
) -> None:
    model = load_recipe(name, {**QUICK[name], "epochs": 1}).parameters
    examples, _ = parts
    _, held = hold_out(examples.gender, 0.2, seed=1)
    serving = model.fit(examples, held, 1, unwatched).serving
    assert (serving.exponent, serving.activation) == (exponent, activation)


@pytest.mark.parametrize(
    ("name", "without"),
    [
        ("joint", {"dropout": 0.0}),
        ("joint", {"reconstruction": 0.0}),
        ("denoising_autoencoder", {"input_dropout": 0.0}),
        ("mult_vae", {"input_dropout": 0.0}),
        ("mult_vae", {"kl_weight": 0.0}),
        ("mult_vae", {"anneal_steps": 1}),
        ("songprint", {"dropout": 0.0}),
        ("songprint", {"average_decay": 0.0}),
    ],
)
def test_what_a_recipe_adds_to_the_training_is_in_it(
    name: str, without: dict[str, float], parts: tuple[Examples, Examples]
) -> None:
    examples, _ = parts
    _, held = hold_out(examples.gender, 0.2, seed=1)
    tables = [
        load_recipe(name, {**QUICK[name], "epochs": 1, **more})
        .parameters.fit(examples, held, 1, unwatched)
        .serving.table
        for more in ({}, without)
    ]
    assert not np.allclose(*tables)


@pytest.mark.parametrize("name", ["songprint", "joint", "mult_vae", "denoising_autoencoder", "truncated_svd"])
def test_a_seed_repeats_the_fit(name: str, parts: tuple[Examples, Examples]) -> None:
    examples, _ = parts
    first, again = fit(name, examples), fit(name, examples)
    assert np.array_equal(first.serving.table, again.serving.table)
    assert all(np.array_equal(a.kernel, b.kernel) for a, b in zip(first.serving.head, again.serving.head, strict=True))


@pytest.mark.parametrize(
    ("name", "without_choice"),
    [
        ("songprint", {"epochs": 1}),
        ("joint", {"epochs": 1}),
        ("logistic_weighted", {"popularity_exponents": [0.3], "strengths": [1.0]}),
        ("pca", {}),
        ("ktv_autoencoder", {}),
        ("majority", {}),
    ],
)
def test_the_rehearsal_never_saw_the_held_out_genders(
    name: str, without_choice: dict[str, object], parts: tuple[Examples, Examples]
) -> None:
    """Turning the held-out users' genders round changes the served model; the rehearsal must not notice."""
    examples, test = parts
    _, held = hold_out(examples.gender, 0.2, seed=1)
    turned = examples.gender.copy()
    turned[held] = 1 - turned[held]
    model = load_recipe(name, {**QUICK.get(name, {}), **without_choice}).parameters
    straight = model.fit(examples, held, 1, unwatched)
    other = model.fit(Examples(examples.matrix, turned), held, 1, unwatched)
    assert not np.allclose(straight.serving.logits(test.matrix), other.serving.logits(test.matrix))
    assert np.array_equal(straight.rehearsal.logits(test.matrix), other.rehearsal.logits(test.matrix))


def test_songprint_is_zero_where_nothing_was_learnt(parts: tuple[Examples, Examples]) -> None:
    """A song that only held-out users have keeps what the factors say of it (next to nothing here), nothing random."""
    examples, _ = parts
    _, held = hold_out(examples.gender, 0.2, seed=1)
    matrix = examples.matrix.tolil()
    matrix[np.setdiff1d(np.arange(len(examples.gender)), held), 7] = 0
    recipe = load_recipe("songprint", {**QUICK["songprint"], "factors": 1, "taste_units": 1, "factor_rms": 1e-6})
    fitted = recipe.parameters.fit(Examples(matrix.tocsr(), examples.gender), held, 1, unwatched)
    size = np.abs(fitted.rehearsal.table[:, :-1]).max(axis=1)
    assert size[7] < 1e-4 < np.delete(size, 7).min()


def test_songprint_taste_units_are_never_clipped(parts: tuple[Examples, Examples]) -> None:
    examples, test = parts
    serving = fit("songprint", examples).serving
    taste = serving.codes(test.matrix)[:, -8:]
    linear = test.matrix @ serving.table[:, -8:] / np.sqrt(np.maximum(test.matrix.sum(axis=1), 1))[:, None]
    assert np.allclose(taste, linear + serving.bias[-8:], atol=1e-4)
    assert not serving.head[0].kernel[-8:].any()
