"""On a map, what is alike lies together."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import silhouette_score

from training.serving import Floats
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
