"""Comparing ways to cluster users by their codes: how stable, how separate, how near to a planted truth."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits

from training.cluster_scores import separation
from training.clusters import KEPT_VARIANCE, SAMPLE_USERS
from training.datasets.table_file import find_table, read_batches
from training.errors import DataError
from training.serving import Floats
from training.taste_methods import METHODS
from training.watch import Watch

TRUTH_TABLE = "truth_users"
"""What the generator of synthetic folders writes: user_id and cluster."""


@dataclass(frozen=True)
class Compared:
    """One method, fitted with several seeds: one figure for each."""

    # Adjusted Rand index of the clusters of all users and of a bootstrap's.
    stability: list[float]
    silhouette: list[float]
    # Adjusted Rand index with the planted truth; empty where there is none.
    truth: list[float]
    # Share of the users in the greatest cluster.
    greatest: list[float]
    seconds: list[float]


def compare_taste(
    codes: Floats, truth: NDArray[np.intp] | None, clusters: int, seeds: Iterable[int], watch: Watch
) -> dict[str, Compared]:
    """Every method on the same users; `truth` is [users] or None. Raises DataError for too few different codes.

    Stability and silhouette are measured on a sample of the users. The silhouette is that of the codes' main components
    for every method, which is the ground that K-means was made for.
    """
    chosen = list(seeds)
    sample = np.sort(np.random.default_rng(chosen[0]).permutation(len(codes))[:SAMPLE_USERS])
    codes, truth = codes[sample], None if truth is None else truth[sample]
    distinct = len(np.unique(codes, axis=0))
    if distinct <= clusters:
        raise DataError(f"{clusters} clusters cannot be made of {distinct} different codes; give fewer --clusters")
    components = PCA(KEPT_VARIANCE, svd_solver="full").fit_transform(codes)
    compared = {}
    for name in METHODS:
        rows = []
        for number, seed in enumerate(chosen, start=1):
            rows.append(_measure(name, codes, components, truth, clusters, seed))
            watch({"phase": name, "epoch": number, "stability": rows[-1][0]}, len(chosen))
        stability, silhouette, agreed, greatest, seconds = (list(column) for column in zip(*rows, strict=True))
        compared[name] = Compared(stability, silhouette, agreed if truth is not None else [], greatest, seconds)
    return compared


def read_truth(folder: Path, user_ids: pa.Array) -> NDArray[np.intp] | None:
    """The planted cluster of each user, or None where the folder tells none.

    Raises DataError where the truth leaves users out.
    """
    path = find_table(folder, TRUTH_TABLE)
    if path is None:
        return None
    table = pa.Table.from_batches(list(read_batches(path, ("user_id", "cluster"))))
    row = pc.index_in(user_ids, value_set=table["user_id"].combine_chunks())
    if row.null_count:
        raise DataError(f"{path} says nothing of {row.null_count} users; remove it, or complete it")
    planted = table["cluster"].take(row).combine_chunks().dictionary_encode().indices
    return np.asarray(planted.to_numpy(), np.intp)


def _measure(
    name: str, codes: Floats, components: Floats, truth: NDArray[np.intp] | None, clusters: int, seed: int
) -> tuple[float, float, float, float, float]:
    """Stability, silhouette, agreement with the truth, share of the greatest cluster, seconds."""
    drawn = np.random.default_rng(seed).integers(0, len(codes), len(codes))
    started = time.perf_counter()
    # Runs this short are many times slower on several threads than on one.
    with threadpool_limits(1):
        found = METHODS[name](codes, clusters, seed)(codes)
        seconds = time.perf_counter() - started
        other = METHODS[name](codes[drawn], clusters, seed)(codes)
    return (
        float(adjusted_rand_score(found, other)),
        separation(components, found, seed),
        float(adjusted_rand_score(truth, found)) if truth is not None else 0.0,
        float(np.bincount(found).max() / len(found)),
        seconds,
    )
