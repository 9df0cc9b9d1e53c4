"""The metrics reference."""

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from worker.observe.metrics import Metrics

HEAD = """# Metrics

Made from the worker's metrics by `python -m deploy.reference`; do not edit. Served as `/metrics` on the worker's port;
no label has a user, a song or anything else without a bound in it.

| metric | type | labels | meaning |
|---|---|---|---|
"""


def metrics_page() -> str:
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    labels = {
        wrapper._name: ", ".join(f"`{label}`" for label in wrapper._labelnames)
        for wrapper in vars(metrics).values()
        if isinstance(wrapper, MetricWrapperBase)
    }
    rows = [
        f"| `{family.name}{'_total' if family.type == 'counter' else ''}` | {family.type} "
        f"| {labels.get(family.name, '')} | {family.documentation} |"
        for family in registry.collect()
        if family.name.startswith("songprint_")
    ]
    return HEAD + "\n".join(sorted(rows)) + "\n"
