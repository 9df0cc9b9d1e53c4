"""A Prometheus histogram that takes a whole batch of observations in one call."""

import threading
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class BatchHistogram(Collector):
    """Equal in what it exposes to prometheus_client's own Histogram, which takes one observation a call.

    Args:
        bounds: upper bounds of the buckets, increasing, each inclusive; one without a bound is added.
    """

    def __init__(self, name: str, meaning: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._name = name
        self._meaning = meaning
        self._bounds = np.array(bounds, np.float64)
        self._counts = np.zeros(len(bounds) + 1, np.int64)
        self._sum = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def observe(self, values: NDArray[np.number]) -> None:
        """Adds observations, [N]."""
        counts = np.bincount(np.searchsorted(self._bounds, values, side="left"), minlength=len(self._counts))
        with self._lock:
            self._counts += counts
            self._sum += float(values.sum())

    def describe(self) -> Iterable[HistogramMetricFamily]:
        return [HistogramMetricFamily(self._name, self._meaning)]

    def collect(self) -> Iterable[HistogramMetricFamily]:
        with self._lock:
            cumulated, total = self._counts.cumsum().tolist(), self._sum
        bounds = map(floatToGoString, (*self._bounds.tolist(), float("inf")))
        buckets = list(zip(bounds, map(float, cumulated), strict=True))
        return [HistogramMetricFamily(self._name, self._meaning, buckets=buckets, sum_value=total)]
