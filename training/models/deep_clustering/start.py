"""The clusters from which deep clustering starts."""

import warnings
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import diags
from scipy.sparse.linalg import eigsh
from sklearn.cluster import AgglomerativeClustering, KMeans, SpectralClustering
from sklearn.neighbors import kneighbors_graph

from training.errors import TrainingError
from training.serving import Floats

Start = Literal["kmeans", "spectral", "ward", "diffusion"]
"""K-means of 20 starts. Or, in the graph of nearest neighbours: spectral clusters, which need not be round; Ward's
tree, which joins neighbours where it costs the least variance; or K-means of where random walks lead to."""

STARTS = 20
NEIGHBOURS = 15

WALK = 20
"""Steps of the random walks: enough to go all over a cluster, too few to leave it often."""

SPARE = 2
"""Eigenvectors per cluster: the first ones alone may tell a few stray images from the rest, and two clusters not."""


def start_clusters(how: Start, codes: Floats, clusters: int, seed: int) -> NDArray[np.intp]:
    """intp [images]: every cluster has an image. Raises TrainingError where the codes have collapsed."""
    distinct = len(np.unique(codes, axis=0))
    if distinct < clusters:
        raise TrainingError(f"the images have {distinct} different codes for {clusters} clusters; set a smaller rate")
    assigned: NDArray[np.intp] = _METHODS[how](codes, clusters, seed).astype(np.intp)
    return assigned


def cluster_means(codes: Floats, assigned: NDArray[np.intp], clusters: int) -> Floats:
    """float32 [clusters, units]"""
    return np.stack([codes[assigned == number].mean(axis=0) for number in range(clusters)]).astype(np.float32)


def _kmeans(codes: Floats, clusters: int, seed: int) -> NDArray[np.int32]:
    found: NDArray[np.int32] = KMeans(clusters, n_init=STARTS, random_state=seed).fit_predict(codes)
    return found


def _ward(codes: Floats, clusters: int, _: int) -> NDArray[np.int64]:
    with warnings.catch_warnings():
        # The parts of a graph that is not connected are joined where they are nearest.
        warnings.filterwarnings("ignore", "the number of connected components", UserWarning)
        tree = AgglomerativeClustering(clusters, connectivity=_neighbours(codes))
        found: NDArray[np.int64] = tree.fit_predict(codes)
    return found


def _spectral(codes: Floats, clusters: int, seed: int) -> NDArray[np.int32]:
    spectral = SpectralClustering(
        clusters, affinity="precomputed", assign_labels="cluster_qr", eigen_solver="arpack", random_state=seed
    )
    with warnings.catch_warnings():
        # That the graph is not connected is no harm: its parts are the clusters then.
        warnings.filterwarnings("ignore", "Graph is not fully connected", UserWarning)
        found: NDArray[np.int32] = spectral.fit_predict(_neighbours(codes))
    # A graph that falls into pieces can leave clusters empty; what is that far apart needs no graph.
    return found if len(set(found.tolist())) == clusters else _kmeans(codes, clusters, seed)


def _diffusion(codes: Floats, clusters: int, seed: int) -> NDArray[np.int32]:
    """Images are alike whose random walks through the graph are, after WALK steps, in the same places.

    That is a diffusion map: the slowest eigenvectors of a step, each weighted by what is left of it after all of them.
    Only directions count, or images in sparse places would all lie together in the middle.
    """
    graph = _neighbours(codes)
    scale = diags(np.asarray(graph.sum(axis=1)).ravel() ** -0.5)
    guess = np.random.default_rng(seed).random(len(codes))
    values, vectors = eigsh(scale @ graph @ scale, min(SPARE * clusters, len(codes) - 2), which="LA", v0=guess)
    places = vectors * np.abs(values) ** WALK
    places /= np.maximum(np.linalg.norm(places, axis=1, keepdims=True), 1e-12)
    return _kmeans(places.astype(np.float32), clusters, seed)


def _neighbours(codes: Floats) -> Any:
    """The sparse graph [images, images] of nearest neighbours, the same both ways."""
    graph = kneighbors_graph(codes, min(NEIGHBOURS, len(codes) - 1), include_self=False)
    return (graph + graph.T) / 2


_METHODS: dict[Start, Callable[[Floats, int, int], NDArray[Any]]] = {
    "kmeans": _kmeans,
    "spectral": _spectral,
    "ward": _ward,
    "diffusion": _diffusion,
}
