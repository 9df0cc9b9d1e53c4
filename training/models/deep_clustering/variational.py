"""A variational autoencoder with K-means on the means of its codes."""

from dataclasses import dataclass

import numpy as np

from training.backend import tf
from training.clusters import student_t
from training.models.deep_clustering.interface import FittedImages
from training.models.deep_clustering.network import DenseNetwork
from training.models.deep_clustering.pretraining import Schedule, flat_constant, run_schedule
from training.models.deep_clustering.start import cluster_means, start_clusters
from training.models.ranges import Count, NotNegative, Positive
from training.serving import Floats
from training.watch import Watch


@dataclass(frozen=True)
class ImageVae:
    """Bernoulli likelihood of the pixels, standard normal prior of the codes."""

    clusters: Count = 10
    widths: tuple[Count, ...] = (500,)
    units: Count = 10
    kl_weight: NotNegative = 1.0
    epochs: Count = 50
    batch: Count = 256
    rate: Positive = 1e-3

    def check(self, shape: tuple[int, ...]) -> None:
        """Every shape will do."""

    def fit(self, images: Floats, seed: int, watch: Watch) -> FittedImages:
        """See ImageModel."""
        network, flat = self._network(images.shape[1:], seed), flat_constant(images)

        def loss(rows: "tf.Tensor", draw: "tf.Tensor") -> "tf.Tensor":
            return self._loss(network, tf.gather(flat, rows), draw)

        schedule = Schedule(self.epochs, self.batch, "adam", self.rate)
        run_schedule(schedule, network.variables, loss, len(images), np.random.default_rng(seed), watch)
        codes = network.codes(images)
        found = start_clusters("kmeans", codes, self.clusters, seed)
        return FittedImages(network, student_t(codes, cluster_means(codes, found, self.clusters)))

    def restore(self, shape: tuple[int, ...], arrays: dict[str, Floats]) -> DenseNetwork:
        """See ImageModel."""
        network = self._network(shape, seed=0)
        network.load(arrays)
        return network

    def _loss(self, network: "_VariationalNetwork", wanted: "tf.Tensor", draw: "tf.Tensor") -> "tf.Tensor":
        """The mean negative bound of the log-likelihood of images [images, pixels]; `draw` is a seed, int32 [2].

        Per pixel, so that the rate means the same for images of every size.
        """
        mean, log_variance = network.split(wanted)
        code = mean + tf.exp(log_variance / 2) * tf.random.stateless_normal(tf.shape(mean), draw)
        divergence = tf.reduce_sum(tf.exp(log_variance) + mean**2 - 1 - log_variance, axis=1) / 2
        likelihood = network.reconstruction_loss(wanted, network.decode(code))
        return tf.reduce_mean(likelihood + self.kl_weight * divergence / wanted.shape[1])

    def _network(self, shape: tuple[int, ...], seed: int) -> "_VariationalNetwork":
        return _VariationalNetwork(shape, self.widths, self.units, seed, "bce", parameters=2)


class _VariationalNetwork(DenseNetwork):
    """Its code is the mean of the latent normal."""

    def split(self, flat: "tf.Tensor") -> tuple["tf.Tensor", "tf.Tensor"]:
        """Mean and log-variance of each image's code: [images, units] each."""
        mean, log_variance = tf.split(super().encode(flat), 2, axis=1)
        return mean, log_variance

    def encode(self, flat: "tf.Tensor") -> "tf.Tensor":
        """See Network."""
        return self.split(flat)[0]
