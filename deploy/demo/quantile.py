"""Quantiles of a histogram, estimated as Prometheus does."""

from collections.abc import Sequence


def quantile(buckets: Sequence[tuple[float, float]], share: float) -> float:
    """The value below which `share` of the observations lie, interpolated within its bucket.

    `buckets` are (upper bound, observations up to it) in rising order; the last bound is infinite and its count is not
    zero. What lies beyond the last finite bound counts as that bound.
    """
    wanted = share * buckets[-1][1]
    lower, before = 0.0, 0.0
    for upper, count in buckets:
        if count >= wanted and count > before:
            return lower if upper == float("inf") else lower + (upper - lower) * (wanted - before) / (count - before)
        lower, before = upper, count
    return lower
