"""A busy worker on a real Kafka and Redis, scraped by a real Prometheus."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.grafana.boards import DASHBOARDS
from tests.deploy.programs import needed
from tests.deploy.prometheus_server import Prometheus, prometheus
from tests.stream import Stream, eventually

QUERIES = [query for dashboard in DASHBOARDS for panel in dashboard.panels for query in panel.queries]


@contextmanager
def watched_worker(stream: Stream, folder: Path, send: Callable[[Stream, int], None]) -> Iterator[Prometheus]:
    """Yields once every panel of every dashboard has something to show of the events that `send` sends."""
    program = needed("prometheus", "prometheus")
    with stream.worker() as worker:
        port = worker.logged("starting")[0]["http_port"]
        with prometheus(program, [f"127.0.0.1:{port}"], folder / "prometheus") as server:

            def all_speak() -> bool:
                send(stream, 200)
                return not silent(server)

            try:
                eventually(all_speak, "every panel has data", 150)
            except AssertionError as error:
                raise AssertionError(f"no data: {silent(server)}") from error
            yield server


def silent(server: Prometheus) -> list[str]:
    """Panels' expressions that give no series, or only series that are no number."""
    return [
        query.expression
        for query in QUERIES
        if all(math.isnan(point[1]) for series in server.query(query.expression) for point in series.points)
    ]
