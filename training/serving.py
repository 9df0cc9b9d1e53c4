"""What a fitted playlist model comes down to: the arrays that the stream serves."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.datasets.playlists import GENDERS, Sparse, playlist_lengths

Activation = Literal["relu", "linear"]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Layer:
    """One dense layer."""

    # float32 [inputs, outputs]
    kernel: Floats
    # float32 [outputs]
    bias: Floats


@dataclass(frozen=True)
class Serving:
    """code = activation(sum of a playlist's rows * songs^-exponent + bias); gender = softmax(head(code)).

    The last layer of the head has one column per gender in the order of GENDERS; relu stands between its layers.
    """

    # float32 [songs, units]
    table: Floats
    # float32 [units]
    bias: Floats
    exponent: float
    activation: Activation
    head: tuple[Layer, ...]

    def codes(self, matrix: Sparse) -> Floats:
        """float32 [users, units]. `matrix` has one column per row of the table."""
        lengths = np.maximum(playlist_lengths(matrix), 1).astype(np.float32)
        total = (matrix @ self.table) * (lengths**-self.exponent)[:, None] + self.bias
        code: Floats = np.maximum(total, 0) if self.activation == "relu" else total
        return code

    def logits(self, matrix: Sparse) -> NDArray[np.float64]:
        """float64 [users]: log-odds of the second gender, before calibration."""
        scores = self.codes(matrix)
        for number, layer in enumerate(self.head):
            scores = (np.maximum(scores, 0) if number else scores) @ layer.kernel + layer.bias
        log_odds: NDArray[np.float64] = (scores[:, 1] - scores[:, 0]).astype(np.float64)
        return log_odds


def single_logit(weights: Floats, intercept: float) -> tuple[Layer, ...]:
    """The head whose softmax is the sigmoid of `code @ weights + intercept` for the second gender."""
    kernel = np.zeros((len(weights), len(GENDERS)), dtype=np.float32)
    kernel[:, 1] = weights
    return (Layer(kernel, np.array([0.0, intercept], dtype=np.float32)),)


def restrict_songs(matrix: Sparse, columns: NDArray[np.intp]) -> Sparse:
    """The same users with only the songs that a model knows: others count for nothing, not even for the length."""
    return sparse.csr_array(matrix[:, columns])


def spread_rows(serving: Serving, columns: NDArray[np.intp], songs: int) -> Serving:
    """The same model over a larger vocabulary in which the rows of songs that it never saw are zero."""
    table = np.zeros((songs, serving.table.shape[1]), dtype=np.float32)
    table[columns] = serving.table
    return replace(serving, table=table)
