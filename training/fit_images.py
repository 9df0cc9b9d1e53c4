"""Fitting a recipe that clusters images: train it, and describe the clusters that came out."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rich.console import Console

from training.cluster_scores import agreement, confusion, match_clusters, separation
from training.datasets.images import Images, images_digest, require_clusters
from training.datasets.load_images import load_images
from training.families import FitOptions
from training.image_run import CENTROIDS, ImageRun, write_image_run
from training.models.deep_clustering.interface import FittedImages
from training.recipe import Recipe
from training.run_folder import FORMAT, package_versions
from training.serving import Floats
from training.user_map import map_users
from training.watch import History, Watch, progress_bar

TYPICAL = 10
STRANGE = 20
"""Images of each cluster, and images of all, that are kept to be looked at."""


def fit_folder(recipe: Recipe, data: Path, out: Path, options: FitOptions, console: Console) -> None:
    """The workflow of the family `images`."""
    with console.status("reading images"):
        images = load_images(data)
    with progress_bar(console) as watch:
        run = fit_images(recipe, images, options, watch)
    write_image_run(out, run)
    figures = run.summary["figures"]
    measured = (
        f"accuracy {figures['accuracy']:.4f}, NMI {figures['nmi']:.4f}, ARI {figures['ari']:.4f}"
        if images.truth
        else f"silhouette {figures['silhouette']:.4f} (the folder has no labels to compare with)"
    )
    console.print(
        f"{out}: {recipe.name} on {len(images.values):,} images: {len(run.clusters)} clusters, {measured}; one seed "
        "says little: evaluate measures several",
        highlight=False,
        soft_wrap=True,
    )


def require_learnable(recipe: Recipe, images: Images) -> None:
    """Raises DataError where the recipe cannot learn from these images. Asked before any training."""
    require_clusters(images, recipe.parameters.clusters)
    recipe.parameters.check(images.shape)


def fit_images(recipe: Recipe, images: Images, options: FitOptions, watch: Watch) -> ImageRun:
    """Train `recipe`. Raises DataError for images that cannot be learnt from, before any training."""
    require_learnable(recipe, images)
    history = History(watch)
    fitted: FittedImages = recipe.parameters.fit(images.values, options.seed, history)
    codes, errors = fitted.encoder.codes(images.values), fitted.encoder.errors(images.values)
    memberships = fitted.clustering.memberships(codes)
    found = memberships.argmax(axis=1)
    return ImageRun(
        summary=_summary(recipe, images, options, fitted, image_figures(images, codes, found, fitted, options.seed)),
        arrays={**fitted.encoder.arrays(), CENTROIDS: fitted.clustering.centroids},
        clusters=_clusters(images, found, memberships.shape[1]),
        history=history.epochs,
        predictions=_predictions(images, memberships, errors, map_users(codes, options.seed)),
        examples=_examples(images, memberships, errors),
    )


def image_figures(
    images: Images, codes: Floats, found: NDArray[np.intp], fitted: FittedImages, seed: int
) -> dict[str, Any]:
    """`silhouette` of the codes; with a truth `accuracy`, `nmi`, `ari`, `confusion` [labels, clusters].

    `start_accuracy` is that of the clusters from which deep clustering started.
    """
    figures: dict[str, Any] = {"silhouette": separation(codes, found, seed)}
    if images.truth is not None:
        clusters = len(fitted.clustering.centroids)
        figures |= agreement(images.truth.labels, found, clusters)
        figures["confusion"] = confusion(images.truth.labels, found, clusters).tolist()
        if fitted.start is not None:
            figures["start_accuracy"] = agreement(images.truth.labels, fitted.start, clusters)["accuracy"]
    return figures


def _summary(
    recipe: Recipe, images: Images, options: FitOptions, fitted: FittedImages, figures: dict[str, Any]
) -> dict[str, Any]:
    """run.json"""
    return {
        "format": FORMAT,
        "recipe": recipe.as_json(),
        "seed": options.seed,
        "created": options.created.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "data": {
            "digest": images_digest(images),
            "images": len(images.values),
            "shape": list(images.shape),
            "span": list(images.span),
            "labels": list(images.truth.names) if images.truth else [],
        },
        "versions": package_versions(),
        "clustering": {"alpha": fitted.clustering.alpha, "scale": fitted.clustering.scale},
        "figures": figures,
    }


def _clusters(images: Images, found: NDArray[np.intp], clusters: int) -> list[dict[str, Any]]:
    """Each cluster's share of the images, and the label that it stands for where there is a truth."""
    sizes = np.bincount(found, minlength=clusters) / len(found)
    names = [""] * clusters
    if images.truth is not None:
        matched = match_clusters(confusion(images.truth.labels, found, clusters))
        names = [images.truth.names[label] if label >= 0 else "" for label in matched]
    return [{"id": number, "label": names[number], "size": float(sizes[number])} for number in range(clusters)]


def _predictions(
    images: Images, memberships: NDArray[np.float64], errors: NDArray[np.float64], places: NDArray[np.float64]
) -> pa.Table:
    """One row per image; `error` is its anomaly score."""
    labels = np.array(images.truth.names)[images.truth.labels] if images.truth else [""] * len(errors)
    return pa.table(
        {
            "image": np.arange(len(errors)),
            "label": labels,
            "cluster": memberships.argmax(axis=1),
            "probability": memberships.max(axis=1),
            "error": errors,
            "map_x": places[:, 0],
            "map_y": places[:, 1],
        }
    )


def _examples(images: Images, memberships: NDArray[np.float64], errors: NDArray[np.float64]) -> dict[str, Floats]:
    """The images that are surest of each cluster, whether or not nearer to another one, and those of greatest error."""
    surest = np.argsort(-memberships, axis=0, kind="stable")[:TYPICAL].T
    strangest = np.argsort(-errors, kind="stable")[:STRANGE]
    return {"typical": images.values[surest], "strange": images.values[strangest]}
