"""What is served is the formula that the run folder promises."""

import numpy as np
import pytest
from scipy import sparse

from training.serving import Layer, Serving, restrict_songs, single_logit

TABLE = np.array([[1, -2], [3, 4], [0, 5]], dtype=np.float32)
BIAS = np.array([0.5, -1], dtype=np.float32)


def playlists(*rows: list[int]) -> sparse.csr_array:
    return sparse.csr_array(np.array(rows, dtype=np.float32))


def test_codes_by_hand() -> None:
    serving = Serving(TABLE, BIAS, 0.5, "relu", ())
    matrix = playlists([1, 1, 0], [0, 0, 0], [0, 0, 1])
    expected = np.maximum([[4 / np.sqrt(2) + 0.5, 2 / np.sqrt(2) - 1], [0.5, -1], [0.5, 4]], 0)
    assert serving.codes(matrix) == pytest.approx(expected)
    assert Serving(TABLE, BIAS, 0.0, "linear", ()).codes(matrix)[0] == pytest.approx([4.5, 1])


def test_relu_stands_between_the_layers_of_the_head() -> None:
    first = Layer(np.eye(2, dtype=np.float32) * -1, np.zeros(2, np.float32))
    second = Layer(np.array([[0, 1], [0, 2]], np.float32), np.array([0, 3], np.float32))
    serving = Serving(TABLE, BIAS, 0.0, "linear", (first, second))
    assert serving.logits(playlists([1, 0, 0])) == pytest.approx([max(-1.5, 0) * 1 + max(3, 0) * 2 + 3])


def test_a_single_logit_is_a_softmax_over_two() -> None:
    serving = Serving(TABLE, BIAS, 0.0, "linear", single_logit(np.array([2, 1], np.float32), -1))
    assert serving.logits(playlists([1, 0, 0])) == pytest.approx([1.5 * 2 - 3 - 1])


def test_unknown_songs_count_for_nothing() -> None:
    serving = Serving(TABLE[:2], BIAS, 0.5, "relu", ())
    known = restrict_songs(playlists([1, 0, 1]), np.array([0, 1]))
    assert serving.codes(known) == pytest.approx(serving.codes(playlists([1, 0])))
