"""Ways to cluster users: each finds what was planted, and what makes each of them special."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, silhouette_score

from training.clusters import Clustering
from training.commands.cluster import _rows
from training.compare_taste import Compared, compare_taste, read_truth
from training.errors import DataError
from training.models.deep_clustering.embedded import EmbeddedClustering
from training.models.deep_clustering.interface import FittedImages
from training.models.deep_clustering.kmeans import ImageKMeans
from training.taste_methods import METHODS, Predict
from training.watch import History, unwatched


def planted(clusters: int = 5, users: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, clusters, users)
    return (rng.normal(0, 4, (clusters, 12))[truth] + rng.normal(0, 0.8, (users, 12))).astype(np.float32), truth


@pytest.mark.parametrize("name", METHODS)
def test_finds_what_was_planted_and_repeats_itself(name: str) -> None:
    codes, truth = planted()
    before = codes.copy()
    found = METHODS[name](codes, 5, 0)(codes)
    assert adjusted_rand_score(truth, found) > 0.9
    assert np.array_equal(found, METHODS[name](codes, 5, 0)(codes))
    assert np.array_equal(codes, before)


def test_idec_goes_on_reconstructing_and_dec_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[EmbeddedClustering] = []

    def fit(self: EmbeddedClustering, *_: object) -> FittedImages:
        made.append(self)
        return FittedImages(ImageKMeans().restore((2,), {"means": np.eye(2)}), Clustering(np.eye(2), 1.0, 1.0))

    monkeypatch.setattr(EmbeddedClustering, "fit", fit)
    for name in ("dec", "idec"):
        METHODS[name](planted()[0], 5, 0)
    assert [(one.clusters, one.clustering_weight, one.reconstruction_weight) for one in made] == [
        (5, 1, 0),
        (5, 0.1, 1),
    ]


def test_spherical_clusters_do_not_depend_on_length() -> None:
    rng = np.random.default_rng(1)
    truth = np.arange(300) % 3
    codes = (np.eye(3)[truth] + rng.normal(0, 0.05, (300, 3))) * rng.uniform(0.1, 50, (300, 1))
    found = METHODS["spherical_kmeans"](codes.astype(np.float32), 3, 0)(codes.astype(np.float32))
    assert adjusted_rand_score(truth, found) == 1
    assert adjusted_rand_score(truth, METHODS["kmeans"](codes, 3, 0)(codes)) < 0.9
    assert METHODS["spherical_kmeans"](codes, 3, 0)(np.zeros((1, 3))).shape == (1,), "an empty code has a cluster too"


def test_a_long_code_pulls_a_spherical_cluster_no_harder_than_a_short_one() -> None:
    """One of eleven lies towards the other cluster, and is a thousand times as long."""

    def towards(degrees: list[float]) -> np.ndarray:
        return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)

    codes = towards([0] * 10 + [40] + [90] * 10) * np.array([1] * 10 + [1_000] + [1] * 10)[:, None]
    first, between, other = METHODS["spherical_kmeans"](codes.astype(np.float32), 2, 0)(towards([0, 60, 90]))
    assert first != between == other


def test_gaussian_mixture_tells_narrow_clusters_from_wide_ones() -> None:
    rng = np.random.default_rng(2)
    truth = np.repeat([0, 1], [300, 100])
    codes = np.concatenate([rng.normal(0, 3, (300, 2)), rng.normal((5, 0), 0.3, (100, 2))]).astype(np.float32)
    mixed, means = (
        adjusted_rand_score(truth, METHODS[name](codes, 2, 0)(codes)) for name in ("gaussian_mixture", "kmeans")
    )
    assert mixed > 0.85
    assert means < mixed - 0.2


def test_gaussian_mixture_follows_long_clusters() -> None:
    """One lies across the other, and no circle holds either of them."""
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 200)
    codes = np.concatenate([rng.normal(0, (4, 0.4), (200, 2)), rng.normal((4, 0), (0.4, 4), (200, 2))])
    mixed, means = (
        adjusted_rand_score(truth, METHODS[name](codes.astype(np.float32), 2, 0)(codes.astype(np.float32)))
        for name in ("gaussian_mixture", "kmeans")
    )
    assert mixed > 0.75
    assert means < 0.5


def test_gaussian_mixture_follows_clusters_that_lean() -> None:
    """Each another way, so that the variances along the axes are those of both."""
    rng, lean = np.random.default_rng(0), np.radians(40)
    turn = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    first, second = (rng.normal(0, (3, 0.3), (200, 2)) for _ in range(2))
    codes = np.concatenate([first @ turn - (3.5, 0), second @ turn.T + (3.5, 0)]).astype(np.float32)
    found = METHODS["gaussian_mixture"](codes, 2, 0)(codes)
    assert adjusted_rand_score(np.repeat([0, 1], 200), found) > 0.8


def test_compares_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    codes, truth = planted()
    history = History()
    compared = compare_taste(codes, truth, 5, (0, 1), history)
    assert set(compared) == set(METHODS)
    assert len(history.epochs) == 2 * len(METHODS)
    for one in compared.values():
        assert min(one.stability + one.truth) > 0.8
        assert 0.2 < min(one.greatest) < 0.5
        assert min(one.silhouette) > 0.3
    # What has no clusters is not stable.
    monkeypatch.setattr("training.compare_taste.METHODS", {"kmeans": METHODS["kmeans"]})
    noise = np.random.default_rng(3).normal(0, 1, (400, 12)).astype(np.float32)
    shuffled = compare_taste(noise, None, 5, (0,), unwatched)
    assert shuffled["kmeans"].stability[0] < 0.6
    assert shuffled["kmeans"].truth == []


def test_a_way_to_cluster_is_judged_by_a_bootstrap_and_in_the_main_components(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here one that always cuts at the first code that it is given: the same codes are always cut alike."""

    def at_the_first(codes: np.ndarray, clusters: int, seed: int) -> Predict:
        return lambda others: (others[:, 0] > codes[0, 0]).astype(np.intp)

    monkeypatch.setattr("training.compare_taste.METHODS", {"first": at_the_first})
    rng = np.random.default_rng(1)
    codes = np.concatenate([rng.normal(0, 3, (200, 1)), rng.normal(0, 0.2, (200, 20))], axis=1).astype(np.float32)
    judged = compare_taste(codes, None, 2, range(4), unwatched)["first"]
    assert max(judged.stability) < 1
    silhouette = silhouette_score(PCA(1).fit_transform(codes), at_the_first(codes, 2, 0)(codes))
    assert judged.silhouette == pytest.approx([silhouette] * 4)


def test_the_table_has_the_worst_seed() -> None:
    told = Compared([0.9, 0.5], [0.3, 0.3], [0.8, 0.6], [0.25, 0.35], [1.0, 2.0])
    untold = Compared([0.9, 0.5], [0.3, 0.3], [], [0.25, 0.35], [1.0, 2.0])
    head, *rows = _rows({"kmeans": told, "dec": untold})
    assert head[:5] == ["method", "stability (ARI)", "worst", "ARI with the planted truth", "worst"]
    assert rows[0][:5] == ["kmeans", "0.7000 ± 0.2828", "0.5000", "0.7000 ± 0.1414", "0.6000"]
    assert {len(row) for row in rows} == {len(head)}
    assert rows[1][3:5] == ["", ""]


def test_refuses_more_clusters_than_codes() -> None:
    with pytest.raises(DataError, match="5 clusters cannot be made of 3 different codes"):
        compare_taste(np.eye(3, dtype=np.float32)[np.arange(30) % 3], None, 5, (0,), unwatched)


def test_truth_goes_by_user(tmp_path: Path) -> None:
    users = pa.array(["b", "a", "c"])
    assert read_truth(tmp_path, users) is None
    pq.write_table(pa.table({"user_id": ["a", "b", "c"], "cluster": ["x", "y", "x"]}), tmp_path / "truth_users.parquet")
    truth = read_truth(tmp_path, users)
    assert truth is not None
    assert (truth[1] == truth[2], truth[0] == truth[1]) == (True, False)
    with pytest.raises(DataError, match="says nothing of 1 users"):
        read_truth(tmp_path, pa.array(["a", "z"]))
