"""Metrics and health over HTTP, on a thread of their own."""

import errno
import json
import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from types import TracebackType
from typing import NamedTuple, Self

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from worker.errors import Stop
from worker.observe.health import Answer, Health

SERVER = "songprint"
"""What every answer names as its server."""
_JSON = "application/json"
_INDEX = b"""<!doctype html><title>Songprint worker</title><h1>Songprint worker</h1>
<ul><li><a href="/metrics">metrics</a><li><a href="/livez">live?</a><li><a href="/readyz">ready?</a></ul>
"""


class _Page(NamedTuple):
    status: HTTPStatus
    content_type: str
    body: bytes


class ObserveServer:
    """Serves /metrics, /livez and /readyz from `start`, or entering the context, until `stop`."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, health: Health) -> None:
        """Binds the address; port 0 takes any free one. Raises Stop if it cannot be had."""
        self._registry = registry
        pages: dict[str, Callable[[str], _Page]] = {
            "/": lambda _: _Page(HTTPStatus.OK, "text/html; charset=utf-8", _INDEX),
            "/metrics": self._metrics,
            "/livez": lambda _: _probe(health.live(), "live"),
            "/readyz": lambda _: _probe(health.ready(), "ready"),
        }
        try:
            self._server = _Server(host, port, pages)
        except OSError as error:
            raise Stop("; ".join(why_not(host, port, error))) from error
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="http", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Gives the port back."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _metrics(self, accept: str) -> _Page:
        encode, content_type = choose_encoder(accept)
        return _Page(HTTPStatus.OK, content_type, encode(self._registry))


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # a client that keeps its connection open must not keep the worker from leaving

    def __init__(self, host: str, port: int, pages: dict[str, Callable[[str], _Page]]) -> None:
        self.address_family = family(host)
        self.pages = pages
        super().__init__((host, port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    timeout = 10  # seconds for a client to say what it wants
    server: _Server

    def do_GET(self) -> None:
        page = self._page()
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(page.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page.body)

    do_HEAD = do_GET  # noqa: N815  # the name by which http.server finds it

    def _page(self) -> _Page:
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            known = {"status": "not found", "paths": list(self.server.pages)}
            return _Page(HTTPStatus.NOT_FOUND, _JSON, json.dumps(known).encode())
        return page(self.headers.get("Accept", ""))

    def version_string(self) -> str:
        return SERVER

    def log_message(self, *_: object) -> None:
        """Requests are not logged: probes come every few seconds."""


def _probe(answer: Answer, yes: str) -> _Page:
    return _Page(HTTPStatus.OK if answer.ok else HTTPStatus.SERVICE_UNAVAILABLE, _JSON, answer.body(yes))


def family(host: str) -> socket.AddressFamily:
    """Of the addresses that `host` is looked for among."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def why_not(host: str, port: int, error: OSError) -> tuple[str, str]:
    """Why the address cannot be had, and what to do."""
    address = f"cannot serve metrics and health on {host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return f"{address}: the port is in use", "set SONGPRINT_HTTP__PORT to another one, or to 0 for any that is free"
    return f"{address}: {error}", "correct SONGPRINT_HTTP__HOST or SONGPRINT_HTTP__PORT"
