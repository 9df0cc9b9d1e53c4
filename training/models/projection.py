"""Linear encoders: principal components or a truncated SVD of the playlists, with the classifier on top."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from sklearn.decomposition import PCA

from training.datasets.playlists import Sparse, song_users
from training.datasets.split import Rows
from training.models.factors import song_factors
from training.models.interface import Examples, Fitted
from training.models.ranges import Count, Positive
from training.models.softmax_classifier import ClassifierSettings, Encoder, classify_codes
from training.models.song_weights import SongWeights
from training.serving import Floats
from training.watch import Watch


@dataclass(frozen=True)
class Projection:
    """`pca` works on centred multi-hot playlists, `truncated_svd` on playlists divided by sqrt(songs)."""

    method: Literal["pca", "truncated_svd"]
    units: Count = 128
    classifier_epochs: Count = 250
    classifier_rate: Positive = 1e-3
    batch_users: Count = 256

    def fit(self, examples: Examples, held: Rows, seed: int, watch: Watch) -> Fitted:
        """The directions from all playlists, the classifier from those of known gender."""
        encoder = self._pca(examples.matrix, seed) if self.method == "pca" else self._svd(examples.matrix, seed)
        settings = ClassifierSettings(self.classifier_epochs, self.batch_users, self.classifier_rate)
        return classify_codes(encoder, examples, held, settings, seed, watch)

    def _pca(self, matrix: Sparse, seed: int) -> Encoder:
        users, songs = matrix.shape
        rank = min(self.units, users - 1, songs - 1)
        # The solver that never centres the sparse matrix, which would make it dense.
        model = PCA(rank, svd_solver="arpack", random_state=seed).fit(matrix)
        table = self._unit_rms(model.components_.T, float(model.explained_variance_.sum()))
        return Encoder(table, -(model.mean_.astype(np.float32) @ table), exponent=0.0, activation="linear")

    def _svd(self, matrix: Sparse, seed: int) -> Encoder:
        rows = SongWeights((song_users(matrix) > 0).astype(np.float32)).rows(matrix)
        table = song_factors(rows, self.units, float(np.sqrt(self.units)), seed)
        return Encoder(table, np.zeros(table.shape[1], dtype=np.float32), exponent=0.5, activation="linear")

    def _unit_rms(self, directions: Floats, variance: float) -> Floats:
        """Scaled so that the codes' mean square is 1, which is what the classifier's learning rate is made for."""
        scaled: Floats = (directions * np.sqrt(directions.shape[1] / variance)).astype(np.float32)
        return scaled
