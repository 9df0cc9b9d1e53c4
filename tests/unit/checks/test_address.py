"""What `worker check` says of the address at which metrics and health are served."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from prometheus_client import CollectorRegistry

from worker.checks.address import check_address
from worker.observe.health import Health
from worker.observe.http_server import ObserveServer
from worker.settings import Http

HOST = "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("0.0.0.0", []),
        ("127.0.0.1", ["note"]),
        ("localhost", ["note"]),
        ("no.such.host.invalid", ["problem"]),
        ("192.0.2.1", ["problem"]),  # another machine's
    ],
)
def test_an_address_that_nobody_reaches_is_told(host: str, status: list[str]) -> None:
    found = list(check_address(Http(host=host, port=0)))
    assert [finding.status for finding in found] == status
    assert all("SONGPRINT_HTTP__HOST" in finding.mend for finding in found)


@pytest.fixture
def site() -> Iterator[int]:
    """The port of somebody else's site."""
    with HTTPServer((HOST, 0), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_a_port_that_another_program_serves_is_a_problem(site: int) -> None:
    _, taken = check_address(Http(host=HOST, port=site))
    assert (taken.status, taken.part) == ("problem", "http")
    assert f"{HOST}:{site}: the port is in use" in taken.what
    assert "SONGPRINT_HTTP__PORT" in taken.mend


def test_a_port_that_somebody_holds_without_a_word_is_a_problem() -> None:
    with socket.socket() as holding:
        holding.bind((HOST, 0))
        _, taken = check_address(Http(host=HOST, port=holding.getsockname()[1]))
    assert taken.status == "problem"
    assert "the port is in use" in taken.what


def test_a_workers_own_port_is_none() -> None:
    """As when the check is run in the worker's container."""
    with ObserveServer(HOST, 0, CollectorRegistry(), Health(lambda: 0.0)) as server:
        _, taken = check_address(Http(host=HOST, port=server.port))
    assert taken.status == "note"
    assert taken.what == f"a worker serves at {HOST}:{server.port} already"
    assert "SONGPRINT_HTTP__PORT" in taken.mend
