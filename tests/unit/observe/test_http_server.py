"""Metrics and health as probes and Prometheus ask for them: over a real socket."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from worker.errors import Stop
from worker.observe.health import Health
from worker.observe.http_server import ObserveServer
from worker.observe.metrics import Metrics

HOST = "127.0.0.1"


class Site:
    def __init__(self) -> None:
        self.now = 0.0
        self.health = Health(lambda: self.now)
        self.metrics = Metrics(CollectorRegistry())
        self.server = ObserveServer(HOST, 0, self.metrics.registry, self.health)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str, bytes]:
        connection = http.client.HTTPConnection(HOST, self.server.port, timeout=10)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.headers["Content-Type"], answer.read()
        finally:
            connection.close()


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    with site.server:
        yield site


def test_metrics_are_what_prometheus_reads(site: Site) -> None:
    site.metrics.retried("redis")
    status, kind, body = site.ask("/metrics?name=x")
    assert (status, kind.split(";")[0]) == (200, "text/plain")
    names = {family.name for family in text_string_to_metric_families(body.decode())}
    assert {"songprint_retries", "songprint_event_latency_seconds", "process_cpu_seconds"} <= names


def test_openmetrics_is_given_to_those_who_ask_for_it(site: Site) -> None:
    _, kind, body = site.ask("/metrics", Accept="application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_probes(site: Site) -> None:
    assert site.ask("/livez") == (200, "application/json", b'{"status": "live", "reasons": []}')
    assert site.ask("/readyz") == (503, "application/json", b'{"status": "not ready", "reasons": ["starting"]}')
    site.health.report([])
    assert site.ask("/readyz")[0] == 200
    site.now = 61
    assert [site.ask(path)[0] for path in ("/livez", "/readyz")] == [503, 503]


def test_an_index_and_nothing_else(site: Site) -> None:
    status, kind, body = site.ask("/")
    assert (status, kind.split(";")[0]) == (200, "text/html")
    assert all(path in body for path in (b"/metrics", b"/livez", b"/readyz"))
    status, kind, body = site.ask("/debug")
    assert (status, kind) == (404, "application/json")
    assert "/metrics" in json.loads(body)["paths"]


def test_only_reading_is_possible(site: Site) -> None:
    assert site.ask("/livez", "HEAD") == (200, "application/json", b"")
    assert site.ask("/livez", "POST")[0] == 501


def test_a_client_that_says_nothing_keeps_nobody_waiting(site: Site) -> None:
    with socket.create_connection((HOST, site.server.port)):
        assert site.ask("/livez")[0] == 200
        site.server.stop()


def test_the_port_is_given_back() -> None:
    first = Site()
    first.server.start()
    port = first.server.port
    first.server.stop()
    with ObserveServer(HOST, port, CollectorRegistry(), first.health) as second:
        assert second.port == port
    assert not any(thread.name == "http" for thread in threading.enumerate())


def test_a_taken_port_stops_the_worker_with_what_to_do(site: Site) -> None:
    with pytest.raises(Stop, match=rf"127.0.0.1:{site.server.port}: the port is in use; set SONGPRINT_HTTP__PORT"):
        ObserveServer(HOST, site.server.port, CollectorRegistry(), site.health)


def test_an_address_of_another_machine_stops_the_worker(site: Site) -> None:
    with pytest.raises(Stop, match="correct SONGPRINT_HTTP__HOST"):
        ObserveServer("192.0.2.1", 0, CollectorRegistry(), site.health)
