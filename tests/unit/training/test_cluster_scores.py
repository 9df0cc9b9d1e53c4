"""Figures of clusters against a truth, worked out by hand."""

import numpy as np
import pytest

from training.cluster_scores import agreement, confusion, match_clusters, separation

TRUTH = np.array([0, 0, 0, 1, 1, 1, 2, 2, 2])


def test_names_of_clusters_do_not_matter() -> None:
    scores = agreement(TRUTH, np.array([2, 1, 0])[TRUTH], 3)
    assert scores == pytest.approx({"accuracy": 1.0, "nmi": 1.0, "ari": 1.0})


def test_information_and_pairs_in_common_by_hand() -> None:
    """Clusters of four and two, of which the first has all of one label and a third of the other."""
    scores = agreement(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 0, 0, 1, 1]), 2)
    labels, clusters, both = (
        -sum(p * np.log(p) for p in shares) for shares in ((1 / 2, 1 / 2), (2 / 3, 1 / 3), (1 / 2, 1 / 6, 1 / 3))
    )
    assert scores["nmi"] == pytest.approx((labels + clusters - both) / ((labels + clusters) / 2))
    # Of fifteen pairs six share their label and seven their cluster, four both; chance alone would give 6 * 7 / 15.
    assert scores["ari"] == pytest.approx((4 - 2.8) / (6.5 - 2.8))


def test_each_cluster_stands_for_one_label_at_most() -> None:
    """Two labels in one cluster: only one of them counts, although a majority vote would give both to it."""
    found = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2])
    assert agreement(TRUTH, found, 3)["accuracy"] == pytest.approx(5 / 9)
    assert confusion(TRUTH, found, 3).tolist() == [[3, 0, 0], [3, 0, 0], [0, 2, 1]]


def test_the_match_is_the_best_of_all_and_not_greedy() -> None:
    # Greedy gives cluster 0 to label 0 (5) and is left with 0 for the other: 5 of 13 instead of 8.
    counts = np.array([[5, 4], [4, 0]])
    assert match_clusters(counts).tolist() == [1, 0]


def test_clusters_left_over_stand_for_nothing() -> None:
    counts = np.array([[1, 6, 0], [4, 0, 1]])
    assert match_clusters(counts).tolist() == [1, 0, -1]


def test_separation_of_one_cluster_is_the_least() -> None:
    codes = np.array([[0.0], [0.1], [9.0], [9.1]])
    assert separation(codes, np.array([0, 0, 1, 1]), seed=0) > 0.9
    assert separation(codes, np.zeros(4, np.intp), seed=0) == -1.0
