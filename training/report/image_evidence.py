"""What the report shows of a run of images."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.image_run import read_arrays
from training.run_folder import read_list, read_predictions, read_summary
from training.serving import Floats


@dataclass(frozen=True)
class ImageEvidence:
    """A run as it was written, and its images as arrays [images]."""

    summary: dict[str, Any]
    clusters: list[dict[str, Any]]
    history: list[dict[str, Any]]
    # Empty text where the folder has no labels.
    label: list[str]
    cluster: NDArray[np.int64]
    # Membership of the likeliest cluster.
    probability: NDArray[np.float64]
    # Anomaly score.
    error: NDArray[np.float64]
    # [images, 2]; NaN where an image is not on the map.
    places: NDArray[np.float64]
    # [clusters, examples, ...] and [examples, ...]
    typical: Floats
    strange: Floats

    @property
    def labelled(self) -> bool:
        """Whether there is a truth to compare with."""
        return bool(self.summary["data"]["labels"])


def read_image_evidence(run: Path) -> ImageEvidence:
    """Raises RunError where the folder is no complete run."""
    summary, images, examples = read_summary(run), read_predictions(run), read_arrays(run, "examples.npz")
    return ImageEvidence(
        summary=summary,
        clusters=read_list(run, "clusters.json"),
        history=read_list(run, "history.json"),
        label=images["label"].to_pylist(),
        cluster=images["cluster"].to_numpy(),
        probability=images["probability"].to_numpy(),
        error=images["error"].to_numpy(),
        places=np.stack([images["map_x"].to_numpy(), images["map_y"].to_numpy()], axis=1),
        typical=examples["typical"],
        strange=examples["strange"],
    )
