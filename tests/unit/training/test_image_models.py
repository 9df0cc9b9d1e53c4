"""One contract for every recipe that clusters images: it finds what was planted, repeats itself, can be restored."""

from typing import Any

import numpy as np
import pytest

from training.cluster_scores import agreement
from training.datasets.images import Images
from training.errors import DataError, RecipeError, TrainingError
from training.fit_images import require_learnable
from training.models.deep_clustering.interface import FittedImages
from training.models.deep_clustering.straightened import straighten
from training.recipe import Recipe, load_recipe, recipe_names, restore_recipe
from training.synthetic.shapes import SHAPES, draw_shapes
from training.watch import History, unwatched

IMAGE_RECIPES = [name for name in recipe_names() if load_recipe(name).family == "images"]
BRIEF: dict[str, Any] = {"clusters": len(SHAPES), "batch": 50}
EMBEDDED = {
    **BRIEF,
    "initial": "glorot",
    "pretrain_epochs": 20,
    "pretrain_optimizer": "adam",
    "pretrain_rate": 2e-3,
    "optimizer": "adam",
    "rate": 1e-3,
    "iterations": 120,
    "refresh": 20,
}
QUICK: dict[str, dict[str, Any]] = {
    "image_kmeans": {"clusters": len(SHAPES)},
    **{name: {**BRIEF, "epochs": 15} for name in ("image_autoencoder", "image_autoencoder_bce", "image_denoising")},
    "image_vae": {**BRIEF, "widths": [64], "epochs": 30},
    **{name: {**EMBEDDED, "widths": [64]} for name in ("dec", "idec", "dec_da")},
    **{name: {**EMBEDDED, "widths": [8, 16, 16]} for name in ("conv_dec", "conv_dec_da")},
}
LEAST = 0.55
"""Chance is about .25."""


def quick(name: str, **changes: object) -> Recipe:
    return load_recipe(name, {**QUICK[name], **changes})


def straightens(recipe: Recipe) -> bool:
    return bool(getattr(recipe.parameters, "straighten", False))


def fit(recipe: Recipe, images: np.ndarray, seed: int = 1, history: History | None = None) -> FittedImages:
    fitted: FittedImages = recipe.parameters.fit(images, seed, history or unwatched)
    return fitted


@pytest.mark.parametrize("name", IMAGE_RECIPES)
def test_finds_what_was_planted(name: str) -> None:
    images, truth = draw_shapes(300)
    before, history = images.copy(), History()
    recipe = quick(name)
    fitted = fit(recipe, images, history=history)
    codes = fitted.encoder.codes(images)
    found = fitted.clustering.memberships(codes).argmax(axis=1)
    assert agreement(truth, found, len(SHAPES))["accuracy"] > LEAST
    assert np.array_equal(images, before), "fitting changed the images"
    assert codes.dtype == fitted.clustering.centroids.dtype == np.float32
    assert fitted.clustering.centroids.shape == (len(SHAPES), codes.shape[1])
    assert all(np.isfinite(epoch["loss"]) and epoch["phase"] for epoch in history.epochs)
    made, seen = fitted.encoder.reconstruct(images), straighten(images) if straightens(recipe) else images
    assert ((made - seen) ** 2).mean(axis=(1, 2)) == pytest.approx(fitted.encoder.errors(images), rel=1e-3)
    if recipe.model == "embedded_clustering":
        assert fitted.start is not None
        assert set(fitted.start.tolist()) == set(range(len(SHAPES)))
    restored = restore_recipe(recipe.as_json()).parameters.restore(images.shape[1:], fitted.encoder.arrays())
    assert np.array_equal(restored.codes(images), codes)
    assert np.array_equal(restored.errors(images), fitted.encoder.errors(images))
    assert np.array_equal(restored.reconstruct(images), made)


@pytest.mark.parametrize("name", ["image_kmeans", "image_vae"])
def test_k_means_goes_on_until_each_mean_is_in_the_midst_of_its_images(name: str) -> None:
    """In noise too, where a first guess is not yet that."""
    images = np.random.default_rng(0).random((400, 8, 8), dtype=np.float32)
    fitted = fit(quick(name, clusters=8), images)
    codes = fitted.encoder.codes(images)
    nearest = fitted.clustering.nearest(codes)
    midsts = np.stack([codes[nearest == number].mean(axis=0) for number in range(8)])
    assert fitted.clustering.centroids == pytest.approx(midsts, abs=0.01 * float(codes.std()))


@pytest.mark.parametrize("name", ["image_denoising", "image_vae", "dec", "conv_dec_da"])
def test_a_seed_repeats_the_fit(name: str) -> None:
    images, _ = draw_shapes(120)
    first, again, other = (fit(quick(name), images, seed) for seed in (3, 3, 4))
    assert np.array_equal(first.clustering.centroids, again.clustering.centroids)
    assert np.array_equal(first.encoder.codes(images), again.encoder.codes(images))
    assert not np.array_equal(first.clustering.centroids, other.clustering.centroids)


@pytest.mark.parametrize("name", ["image_kmeans", "image_autoencoder", "image_denoising", "image_vae", "idec"])
def test_strange_images_have_the_greatest_error(name: str) -> None:
    """The anomaly score: drawings that were never learnt stand out among those that were."""
    images, _ = draw_shapes(300)
    learnt, strange = images, np.rot90(np.tril(np.ones((16, 16), np.float32)), 1)[None]
    encoder = fit(quick(name), learnt).encoder
    assert encoder.errors(strange)[0] > np.quantile(encoder.errors(learnt), 0.99)


def test_the_denoising_autoencoder_repairs_images() -> None:
    """Drawings that it has never seen, with half of their pixels blacked out: the rest is guessed from what is left."""
    images, _ = draw_shapes(400)
    whole = images[300:]
    damaged = np.where(np.random.default_rng(0).random(whole.shape) < 0.5, 0, whole)
    repaired = fit(quick("image_denoising", epochs=40, rate=5e-3), images[:300]).encoder.reconstruct(damaged)
    assert repaired.shape == whole.shape
    assert np.mean((repaired - whole) ** 2) < 0.6 * np.mean((damaged - whole) ** 2)


@pytest.mark.parametrize("name", ["conv_dec", "dec_da"])
@pytest.mark.parametrize("shape", [(7, 30), (40,), (2, 3, 4, 5)])
def test_what_is_no_image_is_refused_before_training(name: str, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).random((50, *shape), dtype=np.float32)
    with pytest.raises(DataError, match=r"are no images for this recipe: give .* 8 x 8 or more"):
        require_learnable(quick(name), Images(values, (0, 1), None))


@pytest.mark.parametrize("shape", [(40,), (9, 13), (8, 11, 3)])
def test_images_of_every_shape_can_be_clustered(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    values = (rng.random((4, *shape))[np.arange(60) % 4] * 0.9 + rng.random((60, *shape)) * 0.1).astype(np.float32)
    for name in ("idec", "conv_dec_da") if len(shape) > 1 else ("idec",):
        recipe = quick(name, pretrain_epochs=2, iterations=20)
        require_learnable(recipe, Images(values, (0, 1), None))
        fitted = fit(recipe, values)
        assert fitted.encoder.codes(values).shape == (60, 10)


def test_a_loss_that_explodes_is_told() -> None:
    with pytest.raises(TrainingError, match="the loss grew beyond all bounds; set a smaller rate"):
        fit(quick("dec", pretrain_optimizer="sgd", pretrain_rate=1e6), draw_shapes(100)[0])


def test_convolutions_come_in_threes() -> None:
    with pytest.raises(RecipeError, match="has 3 layers"):
        quick("conv_dec", widths=[8, 8]).parameters.check((28, 28))


PUBLISHED = {
    "clusters": 10,
    "network": "dense",
    "widths": [500, 500, 2000],
    "units": 10,
    "initial": "fan_in",
    "batch": 256,
    "pretrain_epochs": 300,
    "pretrain_optimizer": "sgd",
    "pretrain_rate": 1.0,
    "refresh": 140,
    "tolerance": 0.001,
    "iterations": 8_000,
    "start": "kmeans",
    "start_rounds": 0,
}
"""What DEC and IDEC have in common."""


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("dec", {"optimizer": "sgd", "rate": 0.01, "momentum": 0.9, "reconstruction_weight": 0.0}),
        ("idec", {"optimizer": "adam", "rate": 1e-3, "reconstruction_weight": 1.0, "clustering_weight": 0.1}),
    ],
)
def test_deep_clustering_is_as_published(name: str, own: dict[str, Any]) -> None:
    stored, published = load_recipe(name).as_json(), PUBLISHED | own
    assert {key: stored[key] for key in published} == published


@pytest.mark.parametrize(
    ("name", "network", "distorts"),
    [
        ("dec", "dense", False),
        ("idec", "dense", False),
        ("conv_dec", "convolutional", False),
        ("dec_da", "dense", True),
        ("conv_dec_da", "convolutional", True),
    ],
)
def test_recipes_convolve_and_augment_as_their_names_say(name: str, network: str, distorts: bool) -> None:
    model = load_recipe(name).parameters
    assert (model.network, not model._distortion.nothing) == (network, distorts)


@pytest.mark.parametrize(
    ("name", "kernels"),
    [
        (
            "dec",
            [(784, 500), (500, 500), (500, 2000), (2000, 10), (10, 2000), (2000, 500), (500, 500), (500, 784)],
        ),
        (
            "conv_dec",
            [
                *[(5, 5, 1, 16), (5, 5, 16, 32), (3, 3, 32, 64), (1024, 10)],
                *[(10, 1024), (3, 3, 32, 64), (5, 5, 16, 32), (5, 5, 1, 16)],
            ],
        ),
        *((name, [(784, 32), (32, 784)]) for name in ("image_autoencoder", "image_autoencoder_bce", "image_denoising")),
        ("image_vae", [(784, 500), (500, 20), (10, 500), (500, 784)]),
    ],
)
def test_networks_have_the_layers_that_their_recipes_say(name: str, kernels: list[tuple[int, ...]]) -> None:
    network = load_recipe(name).parameters._network((28, 28), 0)
    assert [tuple(variable.shape) for variable in network.variables if len(variable.shape) > 1] == kernels


def test_the_variational_autoencoder_that_ships_has_the_whole_divergence() -> None:
    assert load_recipe("image_vae").parameters.kl_weight == 1
