"""Clusters of taste: K-means on the codes, how many of them, and what each is about."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from training.errors import TrainingError
from training.serving import Floats

CANDIDATES = range(4, 13)
SAMPLE_USERS = 2_500
BOOTSTRAPS = 4
STARTS = 16
"""Starts of K-means, of which the best counts: from one alone, a merged pair of clusters is common."""

KEPT_VARIANCE = 0.9
"""Numbers of clusters are compared in as many principal components as hold this share of the variance."""

SILHOUETTE_USERS = 2_000


@dataclass(frozen=True)
class Tried:
    """One number of clusters: `stability` is the mean adjusted Rand index of the clustering and its bootstraps."""

    clusters: int
    stability: float
    silhouette: float


@dataclass(frozen=True)
class Clustering:
    """Centroids, and how the served Student-t assignment falls off with distance."""

    # float32 [clusters, units]
    centroids: Floats
    alpha: float
    scale: float

    def memberships(self, codes: Floats) -> NDArray[np.float64]:
        """float64 [users, clusters]; each row sums to 1."""
        distances = squared_distances(codes, self.centroids)
        kernel = (1 + distances / (self.scale * self.alpha)) ** (-(self.alpha + 1) / 2)
        memberships: NDArray[np.float64] = kernel / kernel.sum(axis=1, keepdims=True)
        return memberships

    def nearest(self, codes: Floats) -> NDArray[np.intp]:
        """intp [users]: the cluster of the greatest membership."""
        nearest: NDArray[np.intp] = squared_distances(codes, self.centroids).argmin(axis=1)
        return nearest


def squared_distances(codes: Floats, centroids: Floats) -> NDArray[np.float64]:
    """float64 [users, clusters]: |code|^2 - 2 code.centroid + |centroid|^2, never below 0."""
    cross = codes.astype(np.float64) @ centroids.T.astype(np.float64)
    squares = (codes.astype(np.float64) ** 2).sum(axis=1)[:, None] + (centroids.astype(np.float64) ** 2).sum(axis=1)
    distances: NDArray[np.float64] = np.maximum(squares - 2 * cross, 0)
    return distances


def find_clusters(codes: Floats, seed: int) -> tuple[Clustering, list[Tried]]:
    """K-means with the number of clusters of the greatest stability times silhouette, and the figures of each tried."""
    rng = np.random.default_rng(seed)
    sample = codes[np.sort(rng.permutation(len(codes))[:SAMPLE_USERS])]
    distinct = len(np.unique(sample, axis=0))
    if distinct <= CANDIDATES[0]:
        raise TrainingError(
            f"the users have only {distinct} different codes: too few for clusters; use another recipe, or more plays"
        )
    components = PCA(KEPT_VARIANCE, svd_solver="full").fit_transform(sample)
    # Runs this short are many times slower on several threads than on one.
    with threadpool_limits(1):
        tried = [_try(components, count, rng) for count in CANDIDATES if count < distinct]
    best = max(tried, key=lambda one: one.stability * one.silhouette)
    means = KMeans(best.clusters, n_init=STARTS, random_state=seed).fit(codes)
    return student_t(codes, means.cluster_centers_.astype(np.float32), sample), tried


def student_t(codes: Floats, centroids: Floats, sample: Floats | None = None) -> Clustering:
    """Soft clusters around the centroids: a Student-t of the codes' spread, with as many degrees of freedom as they
    have dimensions that matter; those are counted in the `sample`, or else in the first SAMPLE_USERS codes.
    """
    within = float(squared_distances(codes, centroids).min(axis=1).mean())
    alpha = _effective_dimensions(codes[:SAMPLE_USERS] if sample is None else sample)
    return Clustering(centroids, alpha=alpha, scale=max(within / alpha, 1e-12))


def _try(sample: Floats, clusters: int, rng: np.random.Generator) -> Tried:
    """Cluster the sample, and bootstrap samples of it; agreement is measured on the whole sample."""
    seeds = rng.integers(0, 2**31 - 1, BOOTSTRAPS + 1)
    whole = KMeans(clusters, n_init=STARTS, random_state=int(seeds[0])).fit_predict(sample)
    agreements = []
    for seed in seeds[1:]:
        drawn = sample[rng.integers(0, len(sample), len(sample))]
        other = KMeans(clusters, n_init=STARTS, random_state=int(seed)).fit(drawn).predict(sample)
        agreements.append(adjusted_rand_score(whole, other))
    chosen = rng.permutation(len(sample))[:SILHOUETTE_USERS]
    separated = silhouette_score(sample[chosen], whole[chosen]) if len(set(whole[chosen])) > 1 else -1.0
    return Tried(clusters, float(np.mean(agreements)), float(separated))


def _effective_dimensions(codes: Floats) -> float:
    """How many equally wide dimensions would spread as the codes do (the participation ratio), at least 1."""
    spread = np.linalg.eigvalsh(np.atleast_2d(np.cov(codes, rowvar=False, dtype=np.float64)))
    return float(max(spread.sum() ** 2 / (spread**2).sum(), 1.0))
