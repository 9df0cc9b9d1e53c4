"""Where metrics and health are served: an address of this machine, reached from others, and not taken by anybody."""

import errno
import ipaddress
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException

from worker.checks.finding import Finding, note, problem
from worker.observe.http_server import SERVER, family, why_not
from worker.settings import Http

ANSWER_SECONDS = 1.0


def check_address(http: Http) -> Iterator[Finding]:
    try:
        where = socket.getaddrinfo(http.host, http.port, family(http.host), socket.SOCK_STREAM)[0][4]
    except OSError as error:
        yield problem("http", f"{http.host} is no address of this machine: {error}", "correct SONGPRINT_HTTP__HOST")
        return
    if ipaddress.ip_address(where[0]).is_loopback:
        yield note(
            "http",
            f"metrics and health are served at {http.host}, so to this machine alone",
            "set SONGPRINT_HTTP__HOST to 0.0.0.0 where Prometheus or probes come from elsewhere",
        )
    try:
        with socket.socket(family(http.host)) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the worker's server does
            tried.bind(where)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and _is_a_worker(http):
            yield note(
                "http",
                f"a worker serves at {http.host}:{http.port} already",
                "nothing, if this check is run beside it; a second worker at this address needs another "
                "SONGPRINT_HTTP__PORT",
            )
        else:
            yield problem("http", *why_not(http.host, http.port, error))


def _is_a_worker(http: Http) -> bool:
    """Whether who has the port answers as a worker does."""
    asked = HTTPConnection(http.host, http.port, timeout=ANSWER_SECONDS)
    try:
        asked.request("HEAD", "/livez")
        return (asked.getresponse().getheader("Server") or "").startswith(SERVER)
    except (OSError, HTTPException):
        return False
    finally:
        asked.close()
