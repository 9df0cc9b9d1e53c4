"""Songs count the less the more users have them, and playlists are scaled by the root of their length."""

import numpy as np
import pytest
from scipy import sparse

from training.models.song_weights import popularity_weights


@pytest.mark.parametrize("exponent", [0.0, 0.25, 1.0])
def test_weights_fall_with_popularity_and_rows_have_a_size_of_one(exponent: float) -> None:
    playlists = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]], dtype=np.float32)
    matrix = sparse.csr_array(playlists)
    found = popularity_weights(matrix, exponent)
    raw = playlists * np.array([4.0, 3.0, 3.0, 1.0]) ** -exponent / np.sqrt([[2], [2], [3], [1]])
    expected = raw / np.sqrt((raw[:3] ** 2).sum(axis=1).mean())
    assert found.rows(matrix).toarray() == pytest.approx(expected, abs=1e-6)
    assert found.weight[3] / found.weight[0] == pytest.approx(4**exponent)
