"""The worker's metrics, as a page for people."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from rich.table import Table

from deploy.demo.quantile import quantile

PREFIX = "songprint_"


def metrics_page(text: str) -> Table:
    """One row for each of the worker's metrics; `text` is what /metrics answers."""
    table = Table(title="What the worker says of itself (/metrics)", title_justify="left", box=None, pad_edge=False)
    table.add_column("metric", no_wrap=True)
    table.add_column("value")
    table.add_column("meaning", style="dim")
    for metric in text_string_to_metric_families(text):
        if metric.name.startswith(PREFIX):
            table.add_row(metric.name.removeprefix(PREFIX), ", ".join(_values(metric)), metric.documentation)
    return table


def total(text: str, name: str) -> float:
    """The sum of the series of a gauge; `name` is the metric's without its prefix."""
    metrics = (metric for metric in text_string_to_metric_families(text) if metric.name == PREFIX + name)
    return sum(sample.value for metric in metrics for sample in metric.samples)


def _values(metric: Metric) -> Iterator[str]:
    """Each series that is not zero, or one zero for all of them."""
    if metric.name.endswith("_info"):
        yield from (value for sample in metric.samples for value in sample.labels.values())
        return
    written = _histograms(metric) if metric.type == "histogram" else _numbers(metric)
    yield from written or ["0"]


def _numbers(metric: Metric) -> list[str]:
    return [f"{_series(sample)}{_amount(metric.name, sample.value)}" for sample in metric.samples if sample.value]


def _histograms(metric: Metric) -> list[str]:
    series = groupby(metric.samples, _series)
    return [f"{name}{summary}" for name, samples in series if (summary := _summary(metric.name, tuple(samples)))]


def _summary(name: str, samples: Sequence[Sample]) -> str:
    """Of times the median and the 99th percentile, as Prometheus would estimate them; of numbers the mean."""
    buckets = [(float(sample.labels["le"]), sample.value) for sample in samples if "le" in sample.labels]
    count = buckets[-1][1]
    if not count:
        return ""
    if name.endswith("_seconds"):
        return f"p50 {_amount(name, quantile(buckets, 0.5))} p99 {_amount(name, quantile(buckets, 0.99))}"
    return f"mean {_amount(name, sum(sample.value for sample in samples if sample.name.endswith('_sum')) / count)}"


def _series(sample: Sample) -> str:
    """What tells the series of one metric apart."""
    return "".join(f"{value} " for label, value in sample.labels.items() if label != "le")


def _amount(name: str, value: float) -> str:
    """A number in the unit that the metric's name ends with."""
    if name.endswith("_timestamp_seconds"):
        return f"{datetime.fromtimestamp(value).astimezone():%Y-%m-%d %H:%M:%S}"
    if name.endswith("_seconds"):
        return f"{value * 1_000:.3g} ms" if value < 1 else f"{value:.3g} s"
    if name.endswith("_bytes"):
        return f"{value / 1e6:.3g} MB"
    return f"{value:,.0f}" if value == round(value) or value >= 100 else f"{value:.3g}"
