"""The published autoencoder (multi-hot → relu code → sigmoid for every song), and its denoising form."""

from dataclasses import dataclass

import numpy as np

from training.backend import tf
from training.datasets.split import Rows
from training.models.catalogue_network import Batch, CatalogueNetwork, binary_loss, glorot, zeros
from training.models.interface import Examples, Fitted
from training.models.ranges import Count, Positive, Share
from training.models.softmax_classifier import ClassifierSettings, Encoder, classify_codes
from training.watch import Figures, Watch


@dataclass(frozen=True)
class Autoencoder:
    """Binary cross-entropy; Adam. With `input_dropout` it learns to repair playlists that lack some of their songs.

    `validation_share` of the users only measure the reconstruction of playlists that were not learnt.
    """

    units: Count = 500
    epochs: Count = 50
    rate: Positive = 1e-3
    batch_users: Count = 256
    validation_share: Share = 0.2
    input_dropout: Share = 0.0
    classifier_epochs: Count = 250
    classifier_rate: Positive = 1e-3

    def fit(self, examples: Examples, held: Rows, seed: int, watch: Watch) -> Fitted:
        """The encoder from playlists alone, then the classifier from those of known gender."""
        order = np.random.default_rng(seed).permutation(len(examples.gender))
        cut = int(len(order) * self.validation_share)
        learn, validation = examples.rows(np.sort(order[cut:])), examples.rows(np.sort(order[:cut]))
        network = _Network(examples.matrix.shape[1], self, seed)
        for epoch in range(1, self.epochs + 1):
            figures: Figures = {"phase": "autoencoder", "epoch": epoch, "loss": network.train_epoch(learn)}
            if cut:
                figures["validation_loss"] = network.validation_loss(validation)
            watch(figures, self.epochs)
        table, bias, _, _ = network.weights()
        encoder = Encoder(table, bias, exponent=0.0, activation="relu")
        settings = ClassifierSettings(self.classifier_epochs, self.batch_users, self.classifier_rate)
        return classify_codes(encoder, examples, held, settings, seed, watch)


class _Network(CatalogueNetwork):
    """songs → units relu → songs sigmoid."""

    def __init__(self, songs: int, settings: Autoencoder, seed: int) -> None:
        rng = np.random.default_rng(seed)
        units = settings.units
        arrays = [glorot(rng, songs, units), zeros(units), glorot(rng, units, songs), zeros(songs)]
        super().__init__(arrays, songs, settings.rate, settings.batch_users, seed)
        self._input_dropout = settings.input_dropout

    def loss(self, variables: list["tf.Variable"], batch: Batch, training: bool) -> "tf.Tensor":
        table, bias, back, offsets = variables
        values = batch.normalised(0.0)
        if training and self._input_dropout:
            values = tf.nn.experimental.stateless_dropout(values, self._input_dropout, batch.seed)
        code = tf.nn.relu(tf.sparse.sparse_dense_matmul(batch.rows(values, self.songs), table) + bias)
        return binary_loss(code @ back + offsets, batch)
