"""Drift: the index is the textbook's, decays as it says, and stands still while the stream is like the reference."""

from collections.abc import Mapping, Sequence
from math import log
from typing import Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from tests.unit.observe.test_metrics import Model, outputs
from training.distribution import describe_distribution
from worker.contract.user_label import Abstention, judge
from worker.observe.drift import HALF_LIFE, Drift, Labels, Watched, drift_of
from worker.observe.metrics import Metrics

GENDERS = ("f", "m")
NAMES = ["gender", "cluster", "confidence", "known_song_share", "playlist_length"]
ABSTENTION = Abstention(threshold=0.6, min_known_songs=2)


class Audience:
    """Users as a model sees them; `taste` is how much they prefer the last of three clusters."""

    def __init__(self, seed: int, count: int, *, sure: float = 1.0, known: float = 0.9, taste: float = 0.2) -> None:
        draw = np.random.default_rng(seed)
        self.probability = draw.beta(sure, sure, count)
        self.clusters = draw.choice(3, count, p=[(1 - taste) / 2, (1 - taste) / 2, taste])
        self.songs = draw.geometric(0.05, count)
        self.known = draw.binomial(self.songs, known)

    def distribution(self) -> dict[str, Any]:
        counts = np.bincount(self.clusters, minlength=3)
        return describe_distribution(self.probability, ABSTENTION, counts, self.songs, self.known)

    def labels(self) -> Labels:
        """As the worker sees them: the models' outputs, judged."""
        gender = np.column_stack([1 - self.probability, self.probability]).astype(np.float32)
        cluster = np.eye(3, dtype=np.float32)[self.clusters]
        verdicts = judge(gender, cluster, self.known.astype(np.float32), ABSTENTION)
        return Labels(
            verdicts.genders,
            verdicts.clusters,
            verdicts.gender_probabilities / 10_000,
            self.known / np.maximum(self.songs, 1),
            self.songs,
        )


def watch(distribution: Mapping[str, object], genders: Sequence[str] = GENDERS) -> Drift:
    drift = drift_of(distribution, genders, 3)
    assert drift is not None
    return drift


def test_training_tells_what_drift_needs() -> None:
    assert watch(Audience(0, 500).distribution()).names == NAMES


def test_a_stream_like_the_held_out_users_does_not_drift() -> None:
    drift = watch(Audience(0, 3_000).distribution())
    assert [drift.index(name) for name in NAMES] == [0] * 5
    for seed in range(1, 11):
        drift.observe(Audience(seed, 1_000).labels())
    assert all(drift.index(name) < 0.02 for name in NAMES)


def test_who_has_too_few_known_songs_abstains_in_both() -> None:
    """A third of these users would be sure enough, were it not for the songs that nobody knows."""
    few = Audience(0, 3_000, known=0.1)
    reference, labels = few.distribution(), few.labels()
    assert reference["gender"]["abstained"] == np.mean(labels.genders == 2) > 0.6
    drift = watch(reference)
    drift.observe(labels)
    assert all(drift.index(name) < 1e-4 for name in NAMES)


@pytest.mark.parametrize(
    ("change", "moved"),
    [
        ({"taste": 0.7}, {"cluster"}),
        ({"known": 0.6}, {"known_song_share"}),
        ({"sure": 8.0}, {"gender", "confidence"}),
    ],
)
def test_what_changes_is_what_drifts(change: dict[str, float], moved: set[str]) -> None:
    drift = watch(Audience(0, 3_000).distribution())
    for seed in range(1, 11):
        drift.observe(Audience(seed, 1_000, **change).labels())
    assert {name for name in NAMES if drift.index(name) > 0.25} == moved
    assert all(drift.index(name) < 0.05 for name in set(NAMES) - moved)


def test_the_index_is_the_population_stability_index() -> None:
    watched = Watched([0.5, 0.25, 0.25], 10**9)
    watched.add(np.repeat([0, 1, 2], [10**6, 2 * 10**6, 10**6]), 1.0)
    expected = 2 * (0.25 - 0.5) * log(0.25 / 0.5) / 2 + (0.5 - 0.25) * log(0.5 / 0.25)
    assert watched.index() == pytest.approx(expected, rel=1e-5)


def test_values_fall_between_edges_as_in_training() -> None:
    values = np.array([-1.0, 0.0, 0.1, 0.2, 0.5, 0.99, 1.0, 7.0])
    edges = [0.0, 0.1, 0.5, 1.0]
    counts, _ = np.histogram(np.clip(values, 0, 1), bins=edges)
    watched = Watched((counts / counts.sum()).tolist(), len(values), edges)
    watched.add(values, 1.0)
    assert watched.index() == pytest.approx(0, abs=1e-12)


def test_a_class_that_nobody_had_is_no_infinity() -> None:
    watched = Watched([1.0, 0.0], 1_000)
    watched.add(np.array([1] * 1_000), 1.0)
    assert 5 < watched.index() < 20


def test_old_labels_fade() -> None:
    drift = drift_of_taste(0.2)
    drift.observe(Audience(1, HALF_LIFE, taste=0.9).labels())
    moved = drift.index("cluster")
    for seed in range(2, 8):
        drift.observe(Audience(seed, HALF_LIFE, taste=0.2).labels())
    assert moved > 1
    assert drift.index("cluster") < 0.05
    assert HALF_LIFE < drift.labels < 2 * HALF_LIFE


def drift_of_taste(taste: float) -> Drift:
    return watch(Audience(0, 3_000, taste=taste).distribution())


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"gender": {"f": 0.4, "m": 0.6}},
        {"cluster": [0.5, 0.5]},
        {"gender": {"f": 0.4, "x": 0.4, "abstained": 0.2}},
        {"confidence": {"edges": [0.5, 1], "shares": [0.5, 0.5]}},
        {"users": 0},
        {"cluster": ["a", "b", "c"]},
    ],
    ids=str,
)
def test_a_bundle_that_tells_no_distribution_is_not_watched(wrong: dict[str, object]) -> None:
    distribution = {**Audience(0, 100).distribution(), **wrong} if wrong else {}
    assert drift_of(distribution, GENDERS, 3) is None


def test_drift_is_a_metric_of_the_model_in_use() -> None:
    registry = CollectorRegistry()
    metrics = Metrics(registry)

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"songprint_{name}", labels)

    distribution = Audience(0, 1_000).distribution()
    metrics.model(Model(distribution=distribution), 1, 1)
    assert [value("drift_index", of=name) for name in NAMES] == [0] * 5
    metrics.chunk(outputs([0] * 100, [2] * 100, [40] * 100, [10] * 100))
    assert value("drift_labels") == 100
    same = watch(distribution)
    columns = {"genders": 0, "clusters": 2, "confidence": 0.75, "known_share": 0.25, "lengths": 40}
    same.observe(Labels(**{name: np.full(100, each) for name, each in columns.items()}))
    assert [value("drift_index", of=name) for name in NAMES] == [same.index(name) for name in NAMES]
    assert all(same.index(name) > 1 for name in NAMES)

    metrics.model(Model("ktv-2"), 1, 1)
    assert value("drift_index", of="gender") is None, "the new bundle tells no distribution"
    assert value("drift_labels") == 0
    metrics.chunk(outputs([0], [2], [5], [5]))
