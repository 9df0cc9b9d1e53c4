"""The baseline: K-means on the pixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

from training.clusters import squared_distances, student_t
from training.models.deep_clustering.interface import FittedImages
from training.models.ranges import Count
from training.serving import Floats
from training.watch import Watch


@dataclass(frozen=True)
class ImageKMeans:
    """Best of `starts`."""

    clusters: Count = 10
    starts: Count = 20

    def check(self, shape: tuple[int, ...]) -> None:
        """Every shape will do."""

    def fit(self, images: Floats, seed: int, watch: Watch) -> FittedImages:
        """See ImageModel."""
        flat = images.reshape(len(images), -1)
        means = KMeans(self.clusters, n_init=self.starts, random_state=seed).fit(flat)
        watch({"phase": "k-means", "epoch": 1, "loss": float(means.inertia_ / flat.size)}, 1)
        centroids = means.cluster_centers_.astype(np.float32)
        return FittedImages(_Pixels(centroids), student_t(flat, centroids))

    def restore(self, shape: tuple[int, ...], arrays: dict[str, Floats]) -> "_Pixels":  # noqa: ARG002  (any shape)
        """See ImageModel."""
        return _Pixels(arrays["means"])


@dataclass(frozen=True)
class _Pixels:
    """The code of an image are its pixels; what the model makes of it is the nearest mean."""

    means: Floats

    def codes(self, images: Floats) -> Floats:
        return images.reshape(len(images), -1).astype(np.float32)

    def errors(self, images: Floats) -> NDArray[np.float64]:
        pixels = self.means.shape[1]
        errors: NDArray[np.float64] = squared_distances(self.codes(images), self.means).min(axis=1) / pixels
        return errors

    def reconstruct(self, images: Floats) -> Floats:
        nearest = squared_distances(self.codes(images), self.means).argmin(axis=1)
        reconstructed: Floats = self.means[nearest].reshape(images.shape)
        return reconstructed

    def arrays(self) -> dict[str, Floats]:
        return {"means": self.means}
