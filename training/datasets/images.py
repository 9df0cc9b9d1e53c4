"""Images (or any arrays of one shape) in memory, scaled to between 0 and 1."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.errors import DataError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Truth:
    """What the images show, for measuring alone: no model ever sees it."""

    # intp [images], index into `names`
    labels: NDArray[np.intp]
    # In rising order.
    names: tuple[str, ...]


@dataclass(frozen=True)
class Images:
    """One row per image."""

    # float32 [images, ...], 0 to 1
    values: Floats
    # What was 0 and what was 1 before scaling.
    span: tuple[float, float]
    truth: Truth | None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image."""
        return self.values.shape[1:]


def natural_span(values: NDArray[Any]) -> tuple[float, float]:
    """The range of the type for whole numbers; 0 to 1 for floats that lie within, else from the least to the most."""
    if values.dtype == np.bool_:
        return 0.0, 1.0
    if np.issubdtype(values.dtype, np.integer):
        limits = np.iinfo(values.dtype)
        if limits.bits == 8:
            return float(limits.min), float(limits.max)
    low, high = float(values.min()), float(values.max())
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def scale(values: NDArray[Any], span: tuple[float, float]) -> Floats:
    """float32 in which the ends of the span are 0 and 1; what lies outside is cut off."""
    low, high = span
    scaled: Floats = ((values.astype(np.float32) - low) / max(high - low, 1e-12)).clip(0, 1).astype(np.float32)
    return scaled


def unscale(values: Floats, span: tuple[float, float]) -> Floats:
    """float32 in which 0 and 1 are the ends of the span again; what lies outside is cut off."""
    low, high = span
    unscaled: Floats = (low + values.clip(0, 1) * (high - low)).astype(np.float32)
    return unscaled


def images_digest(images: Images) -> str:
    """`sha256:` and the digest of shape, pixels and labels."""
    digest = hashlib.sha256(repr((images.values.shape, images.span)).encode())
    digest.update(np.ascontiguousarray(images.values).astype("<f4").tobytes())
    if images.truth is not None:
        digest.update(repr(images.truth.names).encode())
        digest.update(images.truth.labels.astype("<i8").tobytes())
    return f"sha256:{digest.hexdigest()}"


def require_clusters(images: Images, clusters: int) -> None:
    """Raises DataError unless the images can fall into so many clusters."""
    count = len(images.values)
    if count < clusters:
        raise DataError(f"{clusters} clusters cannot be made of {count} images; add images, or --set clusters={count}")
    # Most folders show it within their first images; the rest are looked at only where they do not.
    flat = images.values.reshape(count, -1)
    distinct = len(np.unique(flat[: 10 * clusters], axis=0))
    if distinct < clusters:
        distinct = len(np.unique(flat, axis=0))
    if distinct < clusters:
        raise DataError(
            f"{clusters} clusters cannot be made of {distinct} different images; add others, or "
            f"--set clusters={distinct}"
        )
