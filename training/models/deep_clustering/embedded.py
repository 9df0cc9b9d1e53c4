"""Deep Embedded Clustering and its kin: codes and clusters that are learnt together."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from training.backend import tf
from training.clusters import Clustering
from training.errors import RecipeError
from training.models.deep_clustering.assignment import ALPHA, divergence, target_distribution
from training.models.deep_clustering.distortion import Distortion
from training.models.deep_clustering.interface import FittedImages, ImageEncoder
from training.models.deep_clustering.network import (
    KERNELS,
    ConvolutionalNetwork,
    DenseNetwork,
    Initial,
    Network,
    image_shape,
)
from training.models.deep_clustering.optimizer import Method, Optimizer
from training.models.deep_clustering.pretraining import Schedule, flat_constant, pretrain
from training.models.deep_clustering.start import Start, cluster_means, start_clusters
from training.models.deep_clustering.step_loop import RowStream, StepLoop
from training.models.deep_clustering.straightened import Straightened, straighten
from training.models.ranges import Count, NotNegative, Positive, Share
from training.serving import Floats
from training.watch import Watch

Assigned = NDArray[np.intp]

TRUST = 0.9
"""Share of an image that the start gives to its cluster: some of them are wrong."""


@dataclass(frozen=True)
class EmbeddedClustering:
    """DEC; IDEC with a `reconstruction_weight`; DEC-DA with distortions; each dense or convolutional."""

    clusters: Count = 10
    network: Literal["dense", "convolutional"] = "dense"
    # Units of the dense layers, or filters of the three convolutions.
    widths: tuple[Count, ...] = (500, 500, 2000)
    units: Count = 10
    initial: Initial = "fan_in"
    batch: Count = 256
    # The autoencoder, before there are clusters.
    pretrain_epochs: Count = 300
    pretrain_optimizer: Method = "sgd"
    pretrain_rate: Positive = 1.0
    pretrain_decay: Share = 0.0
    start: Start = "kmeans"
    # Rounds of `refresh` steps in which the target are the clusters of the start, before memberships make it.
    start_rounds: Annotated[int, msgspec.Meta(ge=0)] = 0
    # Codes and clusters together. The target is made anew from all images every `refresh` steps; the end is when less
    # than `tolerance` of them changed their cluster meanwhile.
    optimizer: Method = "sgd"
    rate: Positive = 0.01
    # Share of the rate that is gone by the last round, in equal steps.
    decay: Share = 0.0
    momentum: Share = 0.9
    refresh: Count = 140
    tolerance: NotNegative = 0.001
    iterations: Count = 8_000
    clustering_weight: Positive = 1.0
    reconstruction_weight: NotNegative = 0.0
    # Distortions of the images that the network sees in both phases; see Distortion.
    shift: NotNegative = 0.0
    rotation: NotNegative = 0.0
    stretch: NotNegative = 0.0
    shear: NotNegative = 0.0
    # Whether images are brought upright before anything else: for writing.
    straighten: bool = False

    def check(self, shape: tuple[int, ...]) -> None:
        """Convolutions and distortions need images; see ImageModel."""
        if self.network == "convolutional" or self.straighten or not self._distortion.nothing:
            image_shape(shape)
        if self.network == "convolutional" and len(self.widths) != len(KERNELS):
            raise RecipeError(f"a convolutional network has {len(KERNELS)} layers; give as many widths: [16, 32, 64]")

    def fit(self, images: Floats, seed: int, watch: Watch) -> FittedImages:
        """See ImageModel."""
        if self.straighten:
            upright = replace(self, straighten=False).fit(straighten(images), seed, watch)
            return replace(upright, encoder=Straightened(upright.encoder))
        rng = np.random.default_rng(seed)
        network = self._network(images.shape[1:], seed)
        schedule = Schedule(
            self.pretrain_epochs, self.batch, self.pretrain_optimizer, self.pretrain_rate, self.pretrain_decay
        )
        pretrain(network, images, schedule, lambda flat, draw: self._distort(flat, draw, images.shape[1:]), rng, watch)
        start = start_clusters(self.start, network.codes(images), self.clusters, seed)
        centroids = _Refinement(self, network, start, images).run(rng, watch)
        return FittedImages(network, Clustering(centroids, alpha=ALPHA, scale=1.0), start)

    def restore(self, shape: tuple[int, ...], arrays: dict[str, Floats]) -> ImageEncoder:
        """See ImageModel."""
        network = self._network(shape, seed=0)
        network.load(arrays)
        return Straightened(network) if self.straighten else network

    def _network(self, shape: tuple[int, ...], seed: int) -> Network:
        if self.network == "convolutional":
            return ConvolutionalNetwork(shape, self.widths, self.units, seed, self.initial)
        return DenseNetwork(shape, self.widths, self.units, seed, initial=self.initial)

    def _distort(self, flat: "tf.Tensor", seed: "tf.Tensor", shape: tuple[int, ...]) -> tuple["tf.Tensor", "tf.Tensor"]:
        """What is to be reconstructed is the distorted image: its code says how it lies, too."""
        seen = self._distortion.apply(flat, shape, seed)
        return seen, seen

    @property
    def _distortion(self) -> Distortion:
        return Distortion(self.shift, self.rotation, self.stretch, self.shear)


class _Refinement:
    """The second phase: memberships are pulled towards their own sharper form."""

    def __init__(self, settings: EmbeddedClustering, network: Network, start: Assigned, images: Floats) -> None:
        self._settings = settings
        self._network = network
        self._images = images
        self._flat = flat_constant(images)
        self._start = start
        self._centroids = tf.Variable(cluster_means(network.codes(images), start, settings.clusters))
        self._target = tf.Variable(tf.zeros([len(images), settings.clusters]))
        learnt = network.variables if settings.reconstruction_weight else network.encoder_variables
        self._optimizer = Optimizer(settings.optimizer, [*learnt, self._centroids], settings.rate, settings.momentum)
        self._loop = StepLoop(self._optimizer, self._loss, settings.batch)

    def run(self, rng: np.random.Generator, watch: Watch) -> Floats:
        """Train until clusters stay as they are; returns the centroids."""
        settings, stream = self._settings, RowStream(len(self._images), rng)
        rounds = -(-settings.iterations // settings.refresh)
        before = self._sharpen(0)
        for number in range(1, rounds + 1):
            steps = min(settings.refresh, settings.iterations - (number - 1) * settings.refresh)
            self._optimizer.rate.assign(settings.rate * (1 - settings.decay * (number - 1) / rounds))
            loss = self._loop.run(stream.take(steps * settings.batch), rng)
            now = self._sharpen(number)
            changed = float(np.mean(now != before))
            watch({"phase": "clustering", "epoch": number, "loss": loss, "changed": changed}, rounds)
            if changed < settings.tolerance and number > settings.start_rounds:
                break
            before = now
        centroids: Floats = self._centroids.numpy()
        return centroids

    def _sharpen(self, number: int) -> Assigned:
        """Make the target of the next round from all images as they are; returns the cluster of each."""
        clustering = Clustering(self._centroids.numpy(), alpha=ALPHA, scale=1.0)
        memberships = clustering.memberships(self._network.codes(self._images))
        target = target_distribution(memberships)
        if number < self._settings.start_rounds:
            target = np.where(np.eye(len(target[0]))[self._start], TRUST, (1 - TRUST) / (len(target[0]) - 1))
        self._target.assign(target.astype(np.float32))
        found: Assigned = memberships.argmax(axis=1)
        return found

    def _loss(self, rows: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
        settings = self._settings
        seen, wanted = settings._distort(tf.gather(self._flat, rows), seed, self._images.shape[1:])
        codes = self._network.encode(seen)
        loss = settings.clustering_weight * divergence(tf.gather(self._target, rows), codes, self._centroids)
        if settings.reconstruction_weight:
            errors = self._network.reconstruction_loss(wanted, self._network.decode(codes))
            loss += settings.reconstruction_weight * tf.reduce_mean(errors)
        return loss
