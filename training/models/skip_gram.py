"""Skip-gram vectors by noise-contrastive estimation: tell the songs that share a context from songs drawn as noise."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.backend import tf
from training.models.adam import AveragedAdam
from training.models.early_stopping import run_epochs
from training.models.ranges import Count, NotNegative, Positive, Share
from training.models.row_table import RowTable
from training.serving import Floats
from training.song_vectors.contexts import Contexts, Ids
from training.song_vectors.corpus import ContextKind
from training.watch import Watch

STEPS_PER_EPOCH = 50
"""Small data are cut into smaller batches, so that an epoch has at least so many steps."""


@dataclass(frozen=True)
class SkipGram:
    """`tables`: one for songs and partners alike, compared by cosine, or two, compared by dot product as published.

    A partner's logit is the similarity plus `popularity` times the log of its share of all occurrences, so that with 0
    the vectors themselves have to say how common a song is, and with 1 they need not.
    """

    contexts: ContextKind
    units: Count = 64
    tables: Literal["one", "two"] = "one"
    epochs: Count = 4
    # Partners drawn per occurrence and epoch; they share the noise, which is what costs time.
    partners: Count = 4
    batch: Count = 512
    # Songs drawn as noise for each batch (no more than there are songs), by their share of the occurrences to the power
    # `noise_exponent`. In a large catalogue few of them leave rare songs near to songs that they have no part with.
    noise: Count = 2048
    noise_exponent: float = 0.75
    # An occurrence of a song with the share f of all is kept with the chance sqrt(subsample / f); 0 keeps all.
    subsample: NotNegative = 0.0
    popularity: float = 0.0
    # How much less the pairs of long playlists count: see Contexts.faded.
    fading: NotNegative = 0.0
    rate: Positive = 0.01
    average_decay: Share = 0.995

    def fit(self, contexts: Contexts, features: Floats, seed: int, watch: Watch) -> Floats:  # noqa: ARG002
        """Averages over the last steps; unit length where one table is used."""
        rng = np.random.default_rng(seed)
        frequency = contexts.frequency
        settings = replace(self, noise=min(self.noise, len(frequency)))
        network = _Network(settings, frequency, rng)
        sampler = _Sampler(settings, contexts.faded(self.fading), rng)
        run_epochs(self.epochs, lambda: network.train(*sampler.epoch()), watch, "skip-gram")
        vectors = network.vectors()
        vectors[frequency == 0] = 0
        return vectors


class _Sampler:
    """An epoch's batches: songs and those beside them, and songs drawn as noise."""

    def __init__(self, settings: SkipGram, contexts: Contexts, rng: np.random.Generator) -> None:
        self._settings, self._contexts, self._rng = settings, contexts, rng
        self._noise_bounds = np.cumsum(noise_shares(contexts.frequency, settings.noise_exponent))
        share = contexts.frequency / contexts.frequency.sum()
        limit = settings.subsample or 1.0
        self._kept = np.minimum(np.sqrt(limit / np.maximum(share, 1e-12)), 1)

    def epoch(self) -> tuple[Ids, Ids, Ids]:
        """int32 [steps, batch] queries, [steps, batch, partners] targets and [steps, noise] noise."""
        contexts = self._contexts
        if self._settings.subsample:
            contexts = contexts.thinned(self._kept, self._rng)
        queries, targets = contexts.pairs(self._rng, self._settings.partners)
        size = int(np.clip(len(queries) // STEPS_PER_EPOCH, 1, self._settings.batch))
        steps = len(queries) // size
        queries = queries[: steps * size].reshape(steps, size)
        targets = targets[: steps * size].reshape(steps, size, -1)
        uniform = self._rng.random((steps, self._settings.noise))
        noise = np.searchsorted(self._noise_bounds, uniform * self._noise_bounds[-1], side="right")
        return queries, targets, noise.astype(np.int32)


class _Network:
    """The vectors, and what turns similarities into logits."""

    def __init__(self, settings: SkipGram, frequency: NDArray[np.int64], rng: np.random.Generator) -> None:
        songs, self._one = len(frequency), settings.tables == "one"
        initial = rng.normal(0, settings.units**-0.5, (songs, settings.units)).astype(np.float32)
        if not self._one:
            # Partners have rows of their own behind those of the songs, and begin as equally likely.
            initial = np.concatenate([initial, np.zeros_like(initial)])
        self._partner = 0 if self._one else songs
        self._songs = songs
        self._table = RowTable(initial, settings.rate, settings.average_decay)
        # How much a cosine counts, as a logarithm, and one offset for all logits.
        start = [np.array(np.log(4.0), dtype=np.float32), np.array(0.0, dtype=np.float32)]
        self._scalars = AveragedAdam(start, settings.rate, settings.average_decay)
        noise = noise_shares(frequency, settings.noise_exponent)
        prior = np.maximum(noise_shares(frequency, settings.popularity), 1e-12)
        correction = np.log(prior) - np.log(np.maximum(settings.noise * noise, 1e-12))
        self._correction = tf.Variable(correction.astype(np.float32), trainable=False)
        self._step = tf.Variable(0.0)
        flat, deep = tf.TensorSpec((None, None), tf.int32), tf.TensorSpec((None, None, None), tf.int32)
        self._run = tf.function(self._steps, input_signature=(flat, deep, flat))

    def train(self, queries: Ids, targets: Ids, noise: Ids) -> float:
        """One epoch; the mean loss of a pair."""
        return float(self._run(tf.constant(queries), tf.constant(targets), tf.constant(noise)))

    def vectors(self) -> Floats:
        """float32 [songs, units]"""
        vectors = self._table.averaged(float(self._step.numpy()))[: self._songs]
        length = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        scaled: Floats = vectors / length if self._one else vectors
        return scaled

    def _steps(self, queries: "tf.Tensor", targets: "tf.Tensor", noise: "tf.Tensor") -> "tf.Tensor":
        steps, total = tf.shape(queries)[0], tf.constant(0.0)
        for place in tf.range(steps):
            total += self._train_batch(queries[place], targets[place], noise[place])
        return total / tf.cast(steps, tf.float32)

    def _train_batch(self, queries: "tf.Tensor", targets: "tf.Tensor", noise: "tf.Tensor") -> "tf.Tensor":
        self._step.assign_add(1.0)
        ids = tf.concat([queries, tf.reshape(targets, [-1]) + self._partner, noise + self._partner], axis=0)
        rows, places = tf.unique(ids)
        value = self._table.gather(rows)
        with tf.GradientTape() as tape:
            tape.watch(value)
            loss = self._loss(value, places, targets, noise)
        gradient, *scalars = tape.gradient(loss, [value, *self._scalars.variables])
        self._table.apply(rows, value, tf.convert_to_tensor(gradient), self._step)
        self._scalars.apply([tf.zeros(()) if one is None else one for one in scalars], self._step)
        return loss

    def _loss(self, value: "tf.Tensor", places: "tf.Tensor", targets: "tf.Tensor", noise: "tf.Tensor") -> "tf.Tensor":
        """The logistic loss of being told partners from noise; all of a batch are held against the same noise."""
        scale, offset = self._scalars.variables
        vectors = tf.math.l2_normalize(value, axis=1) if self._one else value
        batch, partners = tf.shape(targets)[0], tf.shape(targets)[1]
        query, target, other = tf.split(tf.gather(vectors, places), [batch, batch * partners, tf.size(noise)])
        target = tf.reshape(target, tf.stack([batch, partners, -1]))
        factor = tf.exp(scale) if self._one else 1.0
        seen = factor * tf.einsum("bu,bpu->bp", query, target) + tf.gather(self._correction, targets) + offset
        unseen = factor * tf.matmul(query, other, transpose_b=True) + tf.gather(self._correction, noise) + offset
        told = tf.reduce_mean(tf.nn.softplus(-seen), axis=1)
        return tf.reduce_mean(told + tf.reduce_sum(tf.nn.softplus(unseen), axis=1))


def noise_shares(frequency: NDArray[np.int64], exponent: float) -> NDArray[np.float64]:
    """float64 [songs], sums to 1: how often each is drawn as noise; never where it does not occur at all."""
    present = frequency > 0
    shares = np.zeros(len(frequency))
    shares[present] = frequency[present].astype(np.float64) ** exponent
    normalised: NDArray[np.float64] = shares / shares.sum()
    return normalised
