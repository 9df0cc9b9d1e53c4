"""How good predictions are. Logits are the log-odds of the second gender; targets are 1 for it."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from training.calibration import judge
from training.datasets.playlists import GENDERS

CALIBRATION_BINS = 15


def scores(logits: NDArray[np.float64], target: NDArray[np.float32], threshold: float) -> dict[str, float]:
    """Every figure that is reported of a set of users; `logits` are calibrated.

    `coverage` and `precision` are those of labels at or above the threshold; precision is 1 where there are none.
    """
    confidence, right = judge(logits, target)
    published = confidence >= threshold
    share = float(target.mean())
    recalls = {
        f"recall_{name}": float(right[target == number].mean()) if (target == number).any() else 0.0
        for number, name in enumerate(GENDERS)
    }
    return {
        "auc": float(roc_auc_score(target, logits)),
        "accuracy": float(right.mean()),
        "majority": max(share, 1 - share),
        "log_loss": float(np.mean(np.logaddexp(0, logits) - target * logits)),
        "calibration_error": calibration_error(logits, target),
        "calibration_by_chance": calibration_by_chance(logits),
        **recalls,
        "coverage": float(published.mean()),
        "precision": float(right[published].mean()) if published.any() else 1.0,
    }


def calibration_error(logits: NDArray[np.float64], target: NDArray[np.float32]) -> float:
    """Expected calibration error of the second gender's probability over bins of equal mass."""
    predicted, observed, users = calibration_curve(logits, target)
    return float(np.sum(np.abs(predicted - observed) * users) / users.sum())


def calibration_by_chance(logits: NDArray[np.float64]) -> float:
    """The calibration error to be expected of so few users if every probability were exactly right.

    A bin's share of the second gender then deviates as the mean of independent draws does: normally, about.
    """
    probability = 1 / (1 + np.exp(-logits))
    bins = [part for part in np.array_split(np.sort(probability), CALIBRATION_BINS) if len(part)]
    deviations = [np.sqrt((part * (1 - part)).sum()) for part in bins]
    return float(np.sqrt(2 / np.pi) * np.sum(deviations) / len(logits))


def calibration_curve(
    logits: NDArray[np.float64], target: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Mean probability, share of the second gender, and users, per bin of equal mass."""
    order = np.argsort(logits, kind="stable")
    bins = [part for part in np.array_split(order, CALIBRATION_BINS) if len(part)]
    probability = 1 / (1 + np.exp(-logits))
    predicted = np.array([probability[part].mean() for part in bins])
    observed = np.array([target[part].mean() for part in bins], dtype=np.float64)
    return predicted, observed, np.array([len(part) for part in bins])
