"""Figures of repeated runs: a median, and how far the runs lie apart."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Spread(NamedTuple):
    """Of one figure over several runs."""

    median: float
    least: float
    most: float
    runs: int

    @property
    def width(self) -> float:
        """Distance between the extremes as a share of the median."""
        return (self.most - self.least) / self.median if self.median else 0.0


def spread(values: Sequence[float]) -> Spread:
    return Spread(float(np.median(values)), float(min(values)), float(max(values)), len(values))


class Percentiles(NamedTuple):
    p50: float
    p99: float
    p999: float
    most: float


def percentiles(values: Sequence[float]) -> Percentiles:
    return Percentiles(*np.percentile(values, [50, 99, 99.9, 100]).tolist())
