"""What the report shows of a run's held-out users."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training.datasets.playlists import GENDERS
from training.run_folder import read_list, read_predictions, read_summary


@dataclass(frozen=True)
class Evidence:
    """A run as it was written, and its held-out users as arrays [users]."""

    summary: dict[str, Any]
    clusters: list[dict[str, Any]]
    history: list[dict[str, Any]]
    # 1 for the second gender.
    target: NDArray[np.int64]
    # Calibrated probability of the second gender.
    probability: NDArray[np.float64]
    songs: NDArray[np.int64]
    cluster: NDArray[np.int64]
    # [users, 2]; NaN where a user is not on the map.
    places: NDArray[np.float64]

    @property
    def logits(self) -> NDArray[np.float64]:
        """Log-odds of the probabilities."""
        inside = np.clip(self.probability, 1e-12, 1 - 1e-12)
        logits: NDArray[np.float64] = np.log(inside / (1 - inside))
        return logits

    @property
    def threshold(self) -> float:
        """The least probability that is published."""
        return float(self.summary["calibration"]["threshold"])


def read_evidence(run: Path) -> Evidence:
    """Raises RunError where the folder is no complete run."""
    summary = read_summary(run)
    held = read_predictions(run)
    return Evidence(
        summary=summary,
        clusters=read_list(run, "clusters.json"),
        history=read_list(run, "history.json"),
        target=np.array([GENDERS.index(gender) for gender in held["gender"].to_pylist()]),
        probability=_column(held, "probability"),
        songs=_column(held, "songs"),
        cluster=_column(held, "cluster"),
        places=np.stack([_column(held, "map_x"), _column(held, "map_y")], axis=1),
    )


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    values: NDArray[Any] = table[name].to_numpy()
    return values
