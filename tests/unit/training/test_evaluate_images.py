"""Figures of several seeds: what is measured of a start, and what the table says of seeds."""

from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training import fit_images as fit_images_module
from training.cluster_scores import seed_words
from training.clusters import Clustering
from training.commands.cluster import add_arguments as add_cluster_arguments
from training.commands.evaluate import add_arguments
from training.datasets.images import Images, Truth, scale, unscale
from training.errors import DataError
from training.evaluate_images import evaluate_images, seed_rows, table_words
from training.families import FitOptions
from training.fit_images import fit_images, image_figures
from training.models.deep_clustering.embedded import EmbeddedClustering
from training.models.deep_clustering.interface import FittedImages
from training.models.deep_clustering.kmeans import ImageKMeans
from training.recipe import load_recipe
from training.watch import unwatched


def stored(accuracies: tuple[float, ...], starts: tuple[float, ...] = ()) -> dict[str, Any]:
    folds = [{"accuracy": one, "nmi": 0.5, "ari": 0.4, "silhouette": 0.3, "seconds": 2.0} for one in accuracies]
    for fold, start in zip(folds, starts, strict=False):
        fold["start_accuracy"] = start
    return {"folds": folds}


def test_a_start_is_measured_as_the_clusters_are() -> None:
    """Two starts are wrong, of which the clustering mended one."""
    truth = np.repeat([0, 1], 4)
    values = np.linspace(0, 1, 16, dtype=np.float32).reshape(8, 2)
    start, found = truth.copy(), truth.copy()
    start[:2], found[:1] = 1, 1
    images = Images(values, (0, 1), Truth(truth, ("a", "b")))
    clustering = Clustering(values[[0, 7]], alpha=1.0, scale=1.0)
    encoder = ImageKMeans().restore((2,), {"means": clustering.centroids})
    figures = image_figures(images, values, found, FittedImages(encoder, clustering, start), seed=0)
    assert (figures["accuracy"], figures["start_accuracy"]) == (7 / 8, 6 / 8)
    assert "start_accuracy" not in image_figures(images, values, found, FittedImages(encoder, clustering), seed=0)


def test_the_table_has_the_mean_and_the_worst_of_a_start_beside_those_of_the_clusters() -> None:
    results = {"recipes": {"kmeans": stored((0.5, 0.6)), "dec": stored((0.9, 0.7), (0.6, 0.8))}}
    head, first, second = seed_rows(results)
    assert head[-4:] == ["start accuracy", "worst start", "seconds", "seeds"]
    assert first[:3] == ["dec", "0.8000 ± 0.1414", "0.7000"]
    assert first[-4:] == ["0.7000 ± 0.1414", "0.6000", "2", "2"]
    assert second[-4:] == ["", "", "2", "2"]
    assert "start accuracy" not in seed_rows({"recipes": {"kmeans": stored((0.5, 0.6))}})[0]


def test_few_seeds_are_said_to_be_few() -> None:
    assert seed_words(5) == seed_words(10) == "mean ± deviation over seeds, and the worst of them"
    assert "fewer than five seeds" in seed_words(4)
    results = {"recipes": {"kmeans": stored((0.5,) * 5), "dec": stored((0.9,) * 3)}}
    assert table_words(results) == seed_words(3), "the recipe of the fewest seeds decides"


def test_images_get_their_own_units_back() -> None:
    values = np.array([[0, 51, 255], [204, 3, 100]], np.uint8)
    assert unscale(scale(values, (0, 255)), (0, 255)) == pytest.approx(values, abs=1e-3)
    assert unscale(np.array([-0.5, 0.25, 1.5], np.float32), (-1.0, 3.0)).tolist() == [-1, 0, 3]


def test_images_that_one_recipe_cannot_learn_from_stop_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the first of them has been trained, and wherever they are fitted."""

    def began(*_: object) -> None:
        raise AssertionError("training began")

    monkeypatch.setattr(ImageKMeans, "fit", began)
    monkeypatch.setattr(EmbeddedClustering, "fit", began)
    images = Images(np.random.default_rng(0).random((50, 40), dtype=np.float32), (0, 1), None)
    recipes = [load_recipe("image_kmeans"), load_recipe("conv_dec")]
    with pytest.raises(DataError, match="arrays of 40 are no images for this recipe"):
        evaluate_images(recipes, images, 1, 0, tmp_path / "figures.json", unwatched)
    assert not list(tmp_path.iterdir())
    with pytest.raises(DataError, match="arrays of 40 are no images for this recipe"):
        fit_images(recipes[1], images, FitOptions(0, datetime.now(UTC), 0.85), unwatched)


def test_five_seeds_are_measured_unless_others_are_asked_for() -> None:
    parser = ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args(["--data", "d", "--out", "o"]).seeds == 5
    add_cluster_arguments(other := ArgumentParser())
    assert other.parse_args(["run", "--data", "d", "--out", "o"]).seeds == 5


def test_the_images_to_look_at_are_the_surest_and_those_of_the_greatest_error() -> None:
    values = np.arange(30, dtype=np.float32)[:, None] / 30
    sure, errors = np.random.default_rng(0).permutation(30) / 30, np.random.default_rng(1).permutation(30) / 30
    shown = fit_images_module._examples(Images(values, (0, 1), None), np.stack([sure, 1 - sure], axis=1), errors)
    rising, by_error = np.argsort(sure), np.argsort(-errors)
    assert np.array_equal(shown["typical"], values[np.stack([rising[::-1][:10], rising[:10]])])
    assert np.array_equal(shown["strange"], values[by_error[:20]])
