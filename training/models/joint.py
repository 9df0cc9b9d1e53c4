"""An encoder trained for gender and for reconstruction at once."""

from dataclasses import dataclass

import numpy as np

from training.backend import tf
from training.datasets.split import Rows
from training.models.catalogue_network import Batch, CatalogueNetwork, glorot, multinomial_loss, zeros
from training.models.early_stopping import best_epoch, run_epochs
from training.models.interface import Examples, Fitted
from training.models.ranges import Count, NotNegative, Positive, Share
from training.serving import Floats, Serving, single_logit
from training.watch import Watch


@dataclass(frozen=True)
class Joint:
    """x / sqrt(songs) → relu code, dropped out, → gender, and → every song; stopped early by the loss on gender."""

    units: Count = 128
    dropout: Share = 0.5
    # Weight of the reconstruction beside the log loss of gender.
    reconstruction: NotNegative = 0.1
    rate: Positive = 1e-3
    batch_users: Count = 256
    epochs: Count = 40
    patience: Count = 4

    def fit(self, examples: Examples, held: Rows, seed: int, watch: Watch) -> Fitted:
        """Find the number of epochs on the held-out users, then train on all examples for that many."""
        learn = examples.rows(np.setdiff1d(np.arange(len(examples.gender)), held))
        validation = examples.rows(held)
        network = _Network(examples.matrix.shape[1], self, seed)
        epochs, rehearsal = best_epoch(
            self.epochs,
            self.patience,
            lambda: network.train_epoch(learn),
            network.serving,
            validation.log_loss,
            watch,
        )
        final = _Network(examples.matrix.shape[1], self, seed)
        run_epochs(epochs, lambda: final.train_epoch(examples), watch, "training on all")
        return Fitted(serving=final.serving(), rehearsal=rehearsal)


class _Network(CatalogueNetwork):
    """One code, two uses of it."""

    def __init__(self, songs: int, settings: Joint, seed: int) -> None:
        rng = np.random.default_rng(seed)
        units = settings.units
        encoder: list[Floats] = [glorot(rng, songs, units), zeros(units)]
        decoder: list[Floats] = [glorot(rng, units, songs), zeros(songs)]
        classifier: list[Floats] = [glorot(rng, units, 1), zeros(1)]
        arrays = encoder + decoder + classifier
        super().__init__(arrays, songs, settings.rate, settings.batch_users, seed)
        self._settings = settings

    def serving(self) -> Serving:
        """The encoder and the classifier; the decoder was there for the training."""
        table, bias, _, _, output, intercept = self.weights()
        head = single_logit(output[:, 0], float(intercept[0]))
        return Serving(table, bias, exponent=0.5, activation="relu", head=head)

    def loss(self, variables: list["tf.Variable"], batch: Batch, training: bool) -> "tf.Tensor":
        table, bias, back, offsets, output, intercept = variables
        rows = batch.rows(batch.normalised(0.5), self.songs)
        code = tf.nn.relu(tf.sparse.sparse_dense_matmul(rows, table) + bias)
        if training:
            code = tf.nn.experimental.stateless_dropout(code, self._settings.dropout, batch.seed)
        logit = tf.squeeze(code @ output, axis=1) + intercept
        gender = tf.nn.sigmoid_cross_entropy_with_logits(batch.target, logit) * batch.labelled
        return gender + self._settings.reconstruction * multinomial_loss(code @ back + offsets, batch)
