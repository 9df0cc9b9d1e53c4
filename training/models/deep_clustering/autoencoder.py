"""The symmetric autoencoder with K-means on its codes, and its denoising form."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from training.backend import tf
from training.clusters import student_t
from training.models.deep_clustering.interface import FittedImages
from training.models.deep_clustering.network import DenseNetwork, Loss
from training.models.deep_clustering.optimizer import Method
from training.models.deep_clustering.pretraining import Schedule, pretrain
from training.models.deep_clustering.start import cluster_means, start_clusters
from training.models.ranges import Count, NotNegative, Positive, Share
from training.serving import Floats
from training.watch import Watch


@dataclass(frozen=True)
class ImageAutoencoder:
    """pixels → widths → units → widths → pixels. With `masked` or `noise` it learns to repair damaged images."""

    clusters: Count = 10
    widths: tuple[Count, ...] = ()
    units: Count = 32
    code_activation: Literal["linear", "relu"] = "relu"
    loss: Loss = "mse"
    epochs: Count = 50
    batch: Count = 256
    optimizer: Method = "adam"
    rate: Positive = 1e-3
    # Share of the pixels that are blacked out, and deviation of the noise that is added to the others.
    masked: Share = 0.0
    noise: NotNegative = 0.0

    def check(self, shape: tuple[int, ...]) -> None:
        """Every shape will do."""

    def fit(self, images: Floats, seed: int, watch: Watch) -> FittedImages:
        """See ImageModel."""
        network = self._network(images.shape[1:], seed)
        schedule = Schedule(self.epochs, self.batch, self.optimizer, self.rate)
        pretrain(network, images, schedule, self._damage, np.random.default_rng(seed), watch)
        codes = network.codes(images)
        found = start_clusters("kmeans", codes, self.clusters, seed)
        return FittedImages(network, student_t(codes, cluster_means(codes, found, self.clusters)))

    def restore(self, shape: tuple[int, ...], arrays: dict[str, Floats]) -> DenseNetwork:
        """See ImageModel."""
        network = self._network(shape, seed=0)
        network.load(arrays)
        return network

    def _network(self, shape: tuple[int, ...], seed: int) -> DenseNetwork:
        return DenseNetwork(shape, self.widths, self.units, seed, self.loss, code_activation=self.code_activation)

    def _damage(self, flat: "tf.Tensor", seed: "tf.Tensor") -> tuple["tf.Tensor", "tf.Tensor"]:
        seen = flat
        if self.noise:
            # With a seed of its own: of one seed, pixels that are not blacked out would all get little noise.
            other = tf.random.experimental.stateless_fold_in(seed, 1)
            seen += self.noise * tf.random.stateless_normal(tf.shape(flat), other)
        if self.masked:
            seen *= tf.cast(tf.random.stateless_uniform(tf.shape(flat), seed) >= self.masked, tf.float32)
        return seen, flat
