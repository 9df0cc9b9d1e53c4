"""What autoencoders have in common: playlists in, an opinion on every song of the catalogue out."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.backend import tf
from training.datasets.playlists import UNKNOWN_GENDER, playlist_lengths
from training.models.adam import AveragedAdam
from training.models.interface import Examples
from training.models.minibatch import shuffled
from training.serving import Floats


@dataclass(frozen=True)
class Batch:
    """A mini-batch inside a TensorFlow function."""

    # float32 scalar: steps taken before this one
    step: "tf.Tensor"
    # int64 [entries, 2]: (user of the batch, song), in row order
    entries: "tf.Tensor"
    # float32 [users]
    lengths: "tf.Tensor"
    # float32 [users]: 1 for the second gender, and whether the gender is known at all
    target: "tf.Tensor"
    labelled: "tf.Tensor"
    # int32 [2]
    seed: "tf.Tensor"

    def rows(self, values: "tf.Tensor", songs: int) -> "tf.Tensor":
        """The sparse [users, songs] matrix with these values at the entries."""
        shape = tf.cast(tf.stack([tf.size(self.lengths), songs]), tf.int64)
        return tf.SparseTensor(self.entries, values, shape)

    def normalised(self, exponent: float) -> "tf.Tensor":
        """float32 [entries]: 1 / songs^exponent of each entry's user."""
        return tf.gather(tf.maximum(self.lengths, 1.0) ** -exponent, self.entries[:, 0])


class CatalogueNetwork(ABC):
    """Trains arrays by Adam on mini-batches; what they mean is said by `loss`, the one thing that differs."""

    def __init__(self, initial: list[Floats], songs: int, rate: float, batch_users: int, seed: int) -> None:
        self.songs = songs
        self._rng = np.random.default_rng(seed)
        self._batch_users = batch_users
        self._adam = AveragedAdam(initial, rate, decay=0.0)
        self._step = tf.Variable(0.0)
        vector = tf.TensorSpec([None], tf.float32)
        signature = [tf.TensorSpec([None, 2], tf.int64), vector, vector, vector, tf.TensorSpec([2], tf.int32)]
        self._train = tf.function(self._train_batch, input_signature=signature)
        self._validate = tf.function(self._validation_loss, input_signature=signature)

    @abstractmethod
    def loss(self, variables: list["tf.Variable"], batch: Batch, training: bool) -> "tf.Tensor":
        """float32 [users]: every user's loss. Dropout and noise only while training."""

    def train_epoch(self, examples: Examples) -> float:
        """Pass once over all users in random order; returns the mean loss."""
        return self._pass(self._train, examples)

    def validation_loss(self, examples: Examples) -> float:
        """Mean loss, nothing learnt."""
        return self._pass(self._validate, examples)

    def weights(self) -> list[Floats]:
        """The arrays as they are now."""
        return [variable.numpy() for variable in self._adam.variables]

    def _pass(self, function: "tf.types.experimental.GenericFunction", examples: Examples) -> float:
        total = tf.constant(0.0)
        labelled = (examples.gender != UNKNOWN_GENDER).astype(np.float32)
        users = len(labelled)
        for chosen in shuffled(users, self._batch_users, self._rng):
            part = examples.matrix[chosen]
            lengths = playlist_lengths(part)
            owner = np.repeat(np.arange(len(chosen)), lengths)
            entries = np.stack([owner, part.indices.astype(np.int64)], axis=1)
            seed = self._rng.integers(0, 2**31 - 1, 2, dtype=np.int32)
            total += function(entries, lengths.astype(np.float32), examples.target[chosen], labelled[chosen], seed)
        return float(total) / users

    def _train_batch(self, *arguments: "tf.Tensor") -> "tf.Tensor":
        batch = Batch(self._step.read_value(), *arguments)
        variables = self._adam.variables
        with tf.GradientTape() as tape:
            losses = self.loss(variables, batch, training=True)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, variables)
        self._step.assign_add(1.0)
        self._adam.apply(gradients, self._step)
        return tf.reduce_sum(losses)

    def _validation_loss(self, *arguments: "tf.Tensor") -> "tf.Tensor":
        batch = Batch(self._step.read_value(), *arguments)
        return tf.reduce_sum(self.loss(self._adam.variables, batch, training=False))


def glorot(rng: np.random.Generator, inputs: int, outputs: int) -> NDArray[np.float32]:
    """float32 [inputs, outputs], uniform, of the variance that keeps signals at their size."""
    limit = np.sqrt(6 / (inputs + outputs))
    return rng.uniform(-limit, limit, (inputs, outputs)).astype(np.float32)


def zeros(length: int) -> NDArray[np.float32]:
    """float32 [length]"""
    return np.zeros(length, dtype=np.float32)


def multinomial_loss(logits: "tf.Tensor", batch: Batch) -> "tf.Tensor":
    """float32 [users]: mean negative log-probability of a user's songs under the softmax of [users, songs]."""
    surprise = tf.reduce_logsumexp(logits, axis=1) - _mean_of_entries(logits, batch)
    return tf.where(batch.lengths > 0, surprise, 0.0)


def binary_loss(logits: "tf.Tensor", batch: Batch) -> "tf.Tensor":
    """float32 [users]: mean binary cross-entropy over all songs, from logits [users, songs]."""
    own = _mean_of_entries(logits, batch) * batch.lengths
    return (tf.reduce_sum(tf.nn.softplus(logits), axis=1) - own) / tf.cast(tf.shape(logits)[1], tf.float32)


def _mean_of_entries(logits: "tf.Tensor", batch: Batch) -> "tf.Tensor":
    """float32 [users]: the mean of a user's own songs' logits."""
    own = tf.math.unsorted_segment_sum(tf.gather_nd(logits, batch.entries), batch.entries[:, 0], tf.size(batch.lengths))
    return own / tf.maximum(batch.lengths, 1.0)
