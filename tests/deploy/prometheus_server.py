"""A real Prometheus that scrapes real workers every second."""

import json
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from deploy.local.ports import LOOPBACK, start_on_free_ports
from deploy.local.process import ServerProcess

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules"
WINDOW = "10s"
"""What Grafana would put in place of $__rate_interval for a scrape a second."""
READY_SECONDS = 30.0


class Series(NamedTuple):
    labels: dict[str, str]
    points: list[tuple[float, float]]
    """Seconds since 1970, value."""


class Prometheus:
    def __init__(self, port: int) -> None:
        self.url = f"http://{LOOPBACK}:{port}"

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=2):
                return True
        except OSError:
            return False

    def query(self, expression: str) -> list[Series]:
        """The present value of each series."""
        found = self._ask("query", query=_windowed(expression))
        return [Series(each["metric"], [_point(each["value"])]) for each in found]

    def range(self, expression: str, start: float, end: float) -> list[Series]:
        """A value a second."""
        found = self._ask("query_range", query=_windowed(expression), start=str(start), end=str(end), step="1")
        return [Series(each["metric"], list(map(_point, each["values"]))) for each in found]

    def _ask(self, what: str, **parameters: str) -> list[Any]:
        with urllib.request.urlopen(f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}") as answer:
            result: list[Any] = json.load(answer)["data"]["result"]
        return result


def _point(pair: Sequence[Any]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def _windowed(expression: str) -> str:
    return expression.replace("$__rate_interval", WINDOW)


@contextmanager
def prometheus(program: str, targets: Sequence[str], folder: Path) -> Iterator[Prometheus]:
    """A server with the project's recording rules, computed every second."""
    rules = yaml.safe_load((RULES / "recording.yml").read_text())
    for group in rules["groups"]:
        group["interval"] = "1s"
    folder.mkdir()
    (folder / "recording.yml").write_text(yaml.safe_dump(rules))
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["recording.yml"],
        "scrape_configs": [{"job_name": "songprint", "static_configs": [{"targets": list(targets)}]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    processes = []

    def start(ports: tuple[int, ...]) -> Prometheus:
        command = [
            program,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={LOOPBACK}:{ports[0]}",
        ]
        server, process = Prometheus(ports[0]), ServerProcess("prometheus", command, folder / "prometheus.log")
        process.start()
        processes.append(process)
        process.wait_until(server.ready, READY_SECONDS)
        return server

    try:
        yield start_on_free_ports(1, start)
    finally:
        for process in processes:
            process.kill()
