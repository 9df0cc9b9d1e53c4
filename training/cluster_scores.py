"""How well found clusters agree with the truth, whatever their numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score

SILHOUETTE_SAMPLE = 2_000

FEWEST_SEEDS = 5
"""Fits with fewer seeds do not show how far a way to cluster wanders."""

Numbers = NDArray[np.intp]


def agreement(truth: Numbers, found: Numbers, clusters: int) -> dict[str, float]:
    """`accuracy` under the best one-to-one match of clusters with labels, `nmi`, `ari`; `clusters` is their number."""
    counts = confusion(truth, found, clusters)
    label, cluster = linear_sum_assignment(counts, maximize=True)
    return {
        "accuracy": float(counts[label, cluster].sum() / len(truth)),
        "nmi": float(normalized_mutual_info_score(truth, found)),
        "ari": float(adjusted_rand_score(truth, found)),
    }


def seed_words(seeds: int) -> str:
    """What a table of so many fits shows, and whether they are enough for it."""
    words = "mean ± deviation over seeds, and the worst of them"
    return words if seeds >= FEWEST_SEEDS else f"{words}; fewer than five seeds, which say little: give --seeds 5"


def confusion(truth: Numbers, found: Numbers, clusters: int) -> NDArray[np.int64]:
    """int64 [labels, clusters]: how many of each label are in each cluster."""
    counts = np.zeros((int(truth.max()) + 1, clusters), dtype=np.int64)
    np.add.at(counts, (truth, found), 1)
    return counts


def match_clusters(counts: NDArray[np.int64]) -> Numbers:
    """intp [clusters]: the label that each cluster stands for; -1 for clusters left over."""
    label, cluster = linear_sum_assignment(counts, maximize=True)
    matched = np.full(counts.shape[1], -1, dtype=np.intp)
    matched[cluster] = label
    return matched


def separation(codes: NDArray[Any], found: Numbers, seed: int) -> float:
    """The mean silhouette of a sample of the codes; -1 where all are in one cluster."""
    chosen = np.random.default_rng(seed).permutation(len(codes))[:SILHOUETTE_SAMPLE]
    present = len(set(found[chosen].tolist()))
    return float(silhouette_score(codes[chosen], found[chosen])) if 1 < present < len(chosen) else -1.0
