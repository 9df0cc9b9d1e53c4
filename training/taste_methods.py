"""Ways to cluster users' codes: each learns from codes and then says the cluster of any code."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture

from training.clusters import KEPT_VARIANCE, STARTS
from training.serving import Floats
from training.watch import unwatched

Predict = Callable[[Floats], NDArray[np.intp]]
"""Codes [users, units] → clusters [users]"""

Method = Callable[[Floats, int, int], Predict]
"""(codes, clusters, seed) → what was learnt"""

SPHERICAL_ROUNDS = 100
SHRINKAGE = 1e-3
"""Share of the codes' variance that a Gaussian has in every direction at least."""

EMBEDDED: dict[str, Any] = {
    "widths": (64,),
    "initial": "glorot",
    "batch": 128,
    "pretrain_epochs": 40,
    "pretrain_optimizer": "adam",
    "pretrain_rate": 1e-3,
    "optimizer": "adam",
    "rate": 1e-3,
    "refresh": 40,
    "iterations": 1_200,
}
"""Deep clustering for codes, which are small and few beside images."""


def kmeans(codes: Floats, clusters: int, seed: int) -> Predict:
    """What is served."""
    means = KMeans(clusters, n_init=STARTS, random_state=seed).fit(codes)
    return lambda others: np.asarray(means.predict(others), np.intp)


def spherical_kmeans(codes: Floats, clusters: int, seed: int) -> Predict:
    """K-means by the angle between codes, whatever their length: the best of several starts."""
    rows, rng = _directions(codes), np.random.default_rng(seed)
    runs = (_spherical(rows, rows[rng.choice(len(rows), clusters, replace=False)]) for _ in range(STARTS))
    centroids = max(runs, key=lambda found: float((rows @ found.T).max(axis=1).sum()))
    return lambda others: np.asarray((_directions(others) @ centroids.T).argmax(axis=1), np.intp)


def gaussian_mixture(codes: Floats, clusters: int, seed: int) -> Predict:
    """Clusters that may be long and of unequal size, in the principal components that hold most of the variance."""
    components = PCA(KEPT_VARIANCE, svd_solver="full").fit(codes)
    reduced = components.transform(codes)
    floor = max(SHRINKAGE * float(reduced.var(axis=0).mean()), 1e-9)
    mixture = GaussianMixture(clusters, n_init=2, reg_covar=floor, random_state=seed).fit(reduced)
    return lambda others: np.asarray(mixture.predict(components.transform(others)), np.intp)


def dec(codes: Floats, clusters: int, seed: int) -> Predict:
    """Deep Embedded Clustering of the codes."""
    return _embedded(codes, clusters, seed, reconstruction_weight=0.0)


def idec(codes: Floats, clusters: int, seed: int) -> Predict:
    """DEC that goes on reconstructing the codes."""
    return _embedded(codes, clusters, seed, reconstruction_weight=1.0)


METHODS: dict[str, Method] = {
    "kmeans": kmeans,
    "spherical_kmeans": spherical_kmeans,
    "gaussian_mixture": gaussian_mixture,
    "dec": dec,
    "idec": idec,
}


def _embedded(codes: Floats, clusters: int, seed: int, reconstruction_weight: float) -> Predict:
    middle, spread = codes.mean(axis=0), max(float(codes.std()), 1e-9)
    weight = 0.1 if reconstruction_weight else 1.0
    # Imported only now: TensorFlow takes seconds, which neither the other ways nor `--help` should wait for.
    settings = import_module("training.models.deep_clustering.embedded").EmbeddedClustering(
        **EMBEDDED, clusters=clusters, clustering_weight=weight, reconstruction_weight=reconstruction_weight
    )
    fitted = settings.fit((codes - middle) / spread, seed, unwatched)
    nearest, codes_of = fitted.clustering.nearest, fitted.encoder.codes
    return lambda others: np.asarray(nearest(codes_of((others - middle) / spread)), np.intp)


def _spherical(rows: Floats, centroids: Floats) -> Floats:
    """Centroids [clusters, units] of unit length after rounds that change nothing any more."""
    before = np.full(len(rows), -1)
    for _ in range(SPHERICAL_ROUNDS):
        similar = rows @ centroids.T
        nearest = similar.argmax(axis=1)
        if np.array_equal(nearest, before):
            break
        before = nearest
        # A cluster that lost all of its users begins anew at the user who fits worst.
        sums = [rows[nearest == number].sum(axis=0) for number in range(len(centroids))]
        lonely = rows[similar.max(axis=1).argmin()]
        centroids = _directions(np.stack([total if total.any() else lonely for total in sums]))
    return centroids


def _directions(codes: Floats) -> Floats:
    """Codes of unit length; those of no length stay."""
    lengths = np.linalg.norm(codes, axis=1, keepdims=True)
    directions: Floats = (codes / np.maximum(lengths, 1e-12)).astype(np.float32)
    return directions
