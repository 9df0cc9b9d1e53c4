"""python -m tests.deploy.picture [FILE]: the dashboards' panels, drawn from a minute of a real worker's life.

Starts Kafka, Redis, Prometheus and a worker with a small random model, sends traffic that swells and falls, and draws
what each panel's queries give. Nobody needs a Grafana to know what the dashboards look like.
"""

import math
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from deploy.grafana.boards import DASHBOARDS
from deploy.grafana.panel import Panel, Query
from deploy.local.stack import LocalStack
from tests.deploy.busy_stream import send_some_of_everything
from tests.deploy.prometheus_server import Prometheus, Series
from tests.deploy.watched_worker import watched_worker
from tests.integration.own_settings import own_settings
from tests.small_bundle import export_small_bundle
from tests.stream import Stream

SECONDS = 60
COLUMNS = 4


def main(arguments: Sequence[str]) -> int:
    target = Path(arguments[0]) if arguments else Path("docs/dashboards.png")
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder, LocalStack() as stack:
        bundle = export_small_bundle(Path(folder) / "bundle")
        settings = own_settings("picture-", stack.bootstrap_servers, stack.redis_url, bundle)
        stream = Stream(settings, Path(folder))
        stream.create_topics()
        with watched_worker(stream, Path(folder), rng) as server:
            began = time.time()
            _swell(stream, rng, began)
            draw(server, began, time.time(), target)
    print(f"wrote {target}")
    return 0


def _swell(stream: Stream, rng: random.Random, began: float) -> None:
    while (passed := time.time() - began) < SECONDS:
        send_some_of_everything(stream, rng, int(60 + 50 * math.sin(passed / 6)))
        time.sleep(0.1)


def draw(server: Prometheus, start: float, end: float, target: Path) -> None:
    """Every panel in a grid, titled as in Grafana."""
    panels = [panel for dashboard in DASHBOARDS for panel in dashboard.panels]
    rows = math.ceil(len(panels) / COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(4 * COLUMNS, 2.3 * rows), layout="constrained")
    for place, panel in zip(axes.flat, panels, strict=False):
        _draw_panel(place, panel, server, start, end)
    for place in axes.flat[len(panels) :]:
        place.axis("off")
    figure.savefig(target, dpi=70, pil_kwargs={"optimize": True})
    plt.close(figure)


def _draw_panel(axes: Axes, panel: Panel, server: Prometheus, start: float, end: float) -> None:
    highest = 0.0
    for query in panel.queries:
        for series in server.range(query.expression, start, end):
            times, values = zip(*series.points, strict=True)
            highest = max(highest, *values)
            axes.plot([moment - start for moment in times], values, linewidth=1, label=_legend(query, series))
    axes.set_title(f"{panel.title} ({panel.unit})", fontsize=9)
    axes.set_ylim(0, 1.25 * highest or 1)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=6, loc="upper left", frameon=False, ncols=2)


def _legend(query: Query, series: Series) -> str:
    legend = query.legend
    for label, value in series.labels.items():
        legend = legend.replace(f"{{{{{label}}}}}", value)
    return legend


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
