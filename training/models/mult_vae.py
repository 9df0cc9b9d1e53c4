"""A variational autoencoder with a multinomial likelihood and an annealed KL term (Liang et al., 2018)."""

from dataclasses import dataclass

import numpy as np

from training.backend import tf
from training.datasets.split import Rows
from training.models.catalogue_network import Batch, CatalogueNetwork, glorot, multinomial_loss, zeros
from training.models.early_stopping import run_epochs
from training.models.interface import Examples, Fitted
from training.models.ranges import Count, NotNegative, Positive, Share
from training.models.softmax_classifier import ClassifierSettings, Encoder, classify_codes
from training.watch import Watch


@dataclass(frozen=True)
class MultVae:
    """The code is the mean of the latent normal; encoder and decoder are one layer each, so that a table serves it."""

    units: Count = 200
    epochs: Count = 50
    rate: Positive = 1e-3
    batch_users: Count = 256
    input_dropout: Share = 0.5
    # Weight that the KL term has after `anneal_steps` steps; it rises from 0.
    kl_weight: NotNegative = 0.2
    anneal_steps: Count = 2_000
    classifier_epochs: Count = 250
    classifier_rate: Positive = 1e-3

    def fit(self, examples: Examples, held: Rows, seed: int, watch: Watch) -> Fitted:
        """The encoder from playlists alone, then the classifier from those of known gender."""
        network = _Network(examples.matrix.shape[1], self, seed)
        run_epochs(self.epochs, lambda: network.train_epoch(examples), watch, "variational autoencoder")
        table, bias = network.weights()[:2]
        encoder = Encoder(table[:, : self.units], bias[: self.units], exponent=0.5, activation="linear")
        settings = ClassifierSettings(self.classifier_epochs, self.batch_users, self.classifier_rate)
        return classify_codes(encoder, examples, held, settings, seed, watch)


class _Network(CatalogueNetwork):
    """x / |x| → mean and log-variance → a draw → softmax over songs."""

    def __init__(self, songs: int, settings: MultVae, seed: int) -> None:
        rng = np.random.default_rng(seed)
        units = settings.units
        arrays = [glorot(rng, songs, 2 * units), zeros(2 * units), glorot(rng, units, songs), zeros(songs)]
        super().__init__(arrays, songs, settings.rate, settings.batch_users, seed)
        self._settings = settings

    def loss(self, variables: list["tf.Variable"], batch: Batch, training: bool) -> "tf.Tensor":
        table, bias, back, offsets = variables
        values = batch.normalised(0.5)
        if training:
            values = tf.nn.experimental.stateless_dropout(values, self._settings.input_dropout, batch.seed)
        both = tf.sparse.sparse_dense_matmul(batch.rows(values, self.songs), table) + bias
        mean, log_variance = tf.split(both, 2, axis=1)
        code = mean
        if training:
            code += tf.exp(log_variance / 2) * tf.random.stateless_normal(tf.shape(mean), batch.seed)
        divergence = tf.reduce_sum(tf.exp(log_variance) + mean**2 - 1 - log_variance, axis=1) / 2
        weight = self._settings.kl_weight * tf.minimum(batch.step / self._settings.anneal_steps, 1.0)
        # The likelihood of the whole playlist, as in the paper, and not of its average song.
        return multinomial_loss(code @ back + offsets, batch) * batch.lengths + weight * divergence
