"""On a map, what is alike lies together."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from training import user_map
from training.serving import Floats
from training.song_vectors import maps
from training.song_vectors.maps import song_places
from training.user_map import map_users


def places_of_songs(vectors: Floats, seed: int) -> NDArray[np.float64]:
    return song_places(vectors, np.ones(len(vectors), np.int64), seed)


@pytest.mark.parametrize("draw", [map_users, places_of_songs], ids=["users", "songs"])
def test_groups_stay_together(draw: Callable[[Floats, int], NDArray[np.float64]]) -> None:
    rng = np.random.default_rng(0)
    group = np.arange(90) % 3
    places = draw((np.eye(8)[group] + rng.normal(0, 0.1, (90, 8))).astype(np.float32), 0)
    assert silhouette_score(places, group) > 0.5


def test_the_best_known_songs_are_on_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "MAX_SONGS", 20)
    rng = np.random.default_rng(0)
    vectors, known = rng.normal(size=(50, 8)).astype(np.float32), rng.permutation(50)
    vectors[known.argmax()] = 0
    shown = ~np.isnan(song_places(vectors, known, 0)).any(axis=1)
    assert sorted(known[shown].tolist()) == list(range(30, 49)), "of whom the best known has no vector"


def test_songs_are_mapped_by_their_neighbours_and_not_by_their_directions() -> None:
    """More groups than a plane has room for by any projection."""
    rng = np.random.default_rng(0)
    group = np.arange(300) % 20
    vectors = (np.eye(20)[group] + rng.normal(0, 0.1, (300, 20))).astype(np.float32)
    assert silhouette_score(places_of_songs(vectors, 0), group) > 0.5


def test_of_many_users_only_some_are_on_the_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_map, "MAX_USERS", 40)
    places = map_users(np.random.default_rng(0).normal(size=(90, 4)).astype(np.float32), 0)
    assert np.isfinite(places).all(axis=1).sum() == 40
    assert np.isnan(places).all(axis=1).sum() == 50
