"""What a dashboard shows, free of Grafana's own form."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

Unit = Literal["short", "s", "bytes", "percentunit", "eps", "reqps", "cps"]


class Query(NamedTuple):
    expression: str
    """PromQL; `$__rate_interval` is Grafana's word for a window that suits the time shown."""
    legend: str
    """A series' name, with labels in double braces."""


class Panel(NamedTuple):
    title: str
    meaning: str
    unit: Unit
    queries: Sequence[Query]
    stacked: bool = False


class Dashboard(NamedTuple):
    uid: str
    title: str
    panels: Sequence[Panel]


def rate(metric: str, *by: str, legend: str | None = None) -> Query:
    """A counter's rate per second, summed over all other labels."""
    expression = (
        f"sum by ({', '.join(by)}) (rate({metric}[$__rate_interval]))"
        if by
        else f"sum(rate({metric}[$__rate_interval]))"
    )
    return Query(expression, legend or " ".join(f"{{{{{label}}}}}" for label in by))


def quantile(share: float, metric: str, *by: str) -> Query:
    """A quantile of a histogram."""
    labels = ", ".join(("le", *by))
    return Query(
        f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket[$__rate_interval])))",
        " ".join((f"p{share * 100:g}", *(f"{{{{{label}}}}}" for label in by))),
    )


def gauge(metric: str, *by: str, operation: str = "sum", legend: str | None = None) -> Query:
    expression = f"{operation} by ({', '.join(by)}) ({metric})" if by else f"{operation}({metric})"
    return Query(expression, legend or " ".join(f"{{{{{label}}}}}" for label in by))


def mean(metric: str, *by: str) -> Query:
    """A histogram's mean."""
    labels = ", ".join(by)
    sums, counts = (f"sum by ({labels}) (rate({metric}_{part}[$__rate_interval]))" for part in ("sum", "count"))
    return Query(f"{sums} / ({counts} > 0)", " ".join(f"{{{{{label}}}}}" for label in by))
