"""Planted clusters are found, in their number, and described by their own songs."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from training import clusters as module
from training.clusters import Clustering, Tried, find_clusters
from training.errors import TrainingError
from training.typical_songs import describe_clusters


def planted(clusters: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, clusters, 900)
    return (rng.normal(0, 4, (clusters, 12))[truth] + rng.normal(0, 0.8, (900, 12))).astype(np.float32), truth


@pytest.mark.parametrize("clusters", [5, 8])
def test_finds_the_planted_clusters(clusters: int) -> None:
    codes, truth = planted(clusters)
    clustering, tried = find_clusters(codes, seed=0)
    assert len(clustering.centroids) == clusters
    assert adjusted_rand_score(truth, clustering.nearest(codes)) > 0.98
    assert {one.clusters for one in tried} == set(range(4, 13))
    assert clustering.memberships(codes).max(axis=1).mean() > 0.9


def test_clusters_are_improved_until_each_is_in_the_midst_of_its_users() -> None:
    """In noise too, where a first guess is not yet that."""
    codes = np.random.default_rng(0).normal(size=(900, 6)).astype(np.float32)
    clustering, _ = find_clusters(codes, seed=0)
    assert clustering.centroids == pytest.approx(midsts(codes, clustering), abs=0.02)


def midsts(codes: np.ndarray, clustering: Clustering) -> np.ndarray:
    nearest = clustering.nearest(codes)
    return np.stack([codes[nearest == number].mean(axis=0) for number in range(len(clustering.centroids))])


def test_what_is_both_stable_and_separate_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Either alone would choose another number, and so would their sum."""
    figures = {4: (0.05, 0.99), 7: (0.5, 0.5), 12: (0.99, 0.06)}

    def tried(sample: np.ndarray, clusters: int, rng: np.random.Generator) -> Tried:
        return Tried(clusters, *figures.get(clusters, (0.1, 0.1)))

    monkeypatch.setattr(module, "_try", tried)
    clustering, _ = find_clusters(planted(5)[0], seed=0)
    assert len(clustering.centroids) == 7


def test_what_has_no_clusters_is_not_stable() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, (400, 12)).astype(np.float32)
    assert module._try(noise, 6, rng).stability < 0.6
    found = module._try(planted(6)[0], 6, rng)
    assert found.stability > 0.95
    assert found.silhouette > 0.5


def test_stability_is_the_agreement_with_bootstraps_and_not_with_other_starts() -> None:
    """In a round cloud K-means finds the same four clusters whatever its seed, but other users are cut elsewhere."""
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(60, 2)).astype(np.float32)
    first, other = (KMeans(4, n_init=16, random_state=seed).fit_predict(cloud) for seed in (1, 2))
    assert adjusted_rand_score(first, other) == 1
    assert module._try(cloud, 4, rng).stability < 0.85


def test_numbers_of_clusters_are_compared_on_a_sample_of_many_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or the time that it takes would grow with the square of their number."""
    tried: list[int] = []
    silhouettes: list[int] = []

    def attempt(sample: np.ndarray, clusters: int, rng: np.random.Generator) -> Tried:
        tried.append(len(sample))
        return Tried(clusters, 1.0, 1.0)

    def silhouette(sample: np.ndarray, found: np.ndarray) -> float:
        silhouettes.append(len(sample))
        return 0.0

    codes = planted(5)[0].repeat(4, axis=0)
    monkeypatch.setattr(module, "silhouette_score", silhouette)
    module._try(codes, 4, np.random.default_rng(0))
    monkeypatch.setattr(module, "_try", attempt)
    find_clusters(codes, seed=0)
    assert (max(tried), silhouettes) == (2_500, [2_000])


def test_memberships_are_student_t() -> None:
    clustering = Clustering(np.array([[0, 0], [3, 4]], np.float32), alpha=2.0, scale=0.5)
    weights = np.array([(1 + 1 / 1.0) ** -1.5, (1 + 20 / 1.0) ** -1.5])
    assert clustering.memberships(np.array([[1, 0]], np.float32))[0] == pytest.approx(weights / weights.sum())


def test_codes_that_are_all_the_same_have_no_clusters() -> None:
    with pytest.raises(TrainingError, match="1 different codes"):
        find_clusters(np.ones((50, 3), np.float32), seed=0)


def songs(genres: list[str], titles: list[str]) -> pa.Table:
    ids = [f"s{number}" for number in range(len(genres))]
    return pa.table({"song_id": ids, "title": titles, "artist": [""] * len(ids), "genre_group": genres})


def test_typical_songs_are_those_of_highest_lift_with_support() -> None:
    rows = [[1, 1, 0, 0]] * 19 + [[1, 0, 0, 0]] + [[1, 0, 1, 0]] * 59 + [[1, 0, 1, 1]]
    matrix = sparse.csr_array(np.array(rows, dtype=np.float32))
    table = songs(["rock", "rock", "pop", "pop"], ["all", "ours", "", "once"])
    first, second = describe_clusters(matrix, table, np.repeat([0, 1], [20, 60]), 2)
    assert (first.id, first.name, first.size) == (0, "rock", 0.25)
    assert [(song.title, song.lift) for song in first.songs] == [("ours", 4.0), ("all", 1.0)]
    # A song without a title goes by its id; one that a single user has is typical of nobody, and comes last.
    assert [song.title for song in second.songs] == ["s2", "all", "once"]
    assert second.name == "pop"


def test_a_cluster_is_named_by_the_genre_that_stands_out_and_not_by_the_commonest() -> None:
    """All sing pop; a fifth of the first cluster sings jazz too, and all of the second, of which it makes half."""
    rows = [[1, 0]] * 24 + [[1, 1]] * 6 + [[1, 1]] * 10
    matrix = sparse.csr_array(np.array(rows, dtype=np.float32))
    found = describe_clusters(matrix, songs(["pop", "jazz"], ["a", "b"]), np.repeat([0, 1], [30, 10]), 2)
    assert [one.name for one in found] == ["a, b", "jazz"]


def test_clusters_of_one_genre_are_told_apart_by_their_songs() -> None:
    matrix = sparse.csr_array(np.array([[1, 0, 0]] * 10 + [[0, 1, 0]] * 10 + [[0, 0, 1]] * 40, dtype=np.float32))
    table = songs(["1", "1", "2"], ["a", "b", "c"])
    names = [one.name for one in describe_clusters(matrix, table, np.repeat([0, 1, 2], [10, 10, 40]), 3)]
    assert names == ["genre 1: a", "genre 1: b", "genre 2"]
