"""What every clustering model takes and gives, whatever is inside."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.clusters import Clustering
from training.serving import Floats
from training.watch import Watch


class ImageEncoder(Protocol):
    """Turns images into codes, and says how strange they are. Images are float32 [images, *shape], 0 to 1."""

    def codes(self, images: Floats) -> Floats:
        """float32 [images, units]"""
        ...

    def errors(self, images: Floats) -> NDArray[np.float64]:
        """float64 [images]: mean squared difference between an image and what the model makes of it."""
        ...

    def reconstruct(self, images: Floats) -> Floats:
        """float32 [images, *shape]: what the model makes of each; a denoising one repairs what is damaged."""
        ...

    def arrays(self) -> dict[str, Floats]:
        """All weights by name: what `restore` needs."""
        ...


@dataclass(frozen=True)
class FittedImages:
    """The encoder, and the clusters of its codes."""

    encoder: ImageEncoder
    clustering: Clustering
    # intp [images]: the clusters from which deep clustering started; None where there is no second phase.
    start: NDArray[np.intp] | None = None


class ImageModel(Protocol):
    """The parameters of one model. Fitting changes neither them nor the images; the same seed gives the same arrays."""

    @property
    def clusters(self) -> int:
        """How many clusters are to be found."""
        ...

    def check(self, shape: tuple[int, ...]) -> None:
        """Raises DataError where images of this shape cannot be learnt from."""
        ...

    def fit(self, images: Floats, seed: int, watch: Watch) -> FittedImages:
        """Learn from images [images, *shape]; there are at least as many different ones as clusters."""
        ...

    def restore(self, shape: tuple[int, ...], arrays: dict[str, Floats]) -> ImageEncoder:
        """The encoder that had these arrays."""
        ...
