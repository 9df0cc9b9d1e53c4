"""`make audit` asks about every locked package, and fails when one is known to be vulnerable or nobody can tell."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
WARNED = "make: a known vulnerability, or no verdict"


class Advisories(ThreadingHTTPServer):
    """A service that answers as OSV does, and knows advisories of the packages in `vulnerable`."""

    def __init__(self, vulnerable: set[str]) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.vulnerable = vulnerable
        self.asked: set[tuple[str, str]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/query"


class Answer(BaseHTTPRequestHandler):
    server: Advisories

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = query["package"]["name"]
        self.server.asked.add((name, query["version"]))
        affected = [{"package": query["package"], "ranges": []}]
        found = [{"id": "PYSEC-2026-1", "summary": "a hole", "affected": affected}]
        answer = json.dumps({"vulns": found} if name in self.server.vulnerable else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Nothing: what the command prints is what is looked at."""


@pytest.fixture
def advisories() -> Iterator[Advisories]:
    with Advisories(set()) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def audit(url: str) -> subprocess.CompletedProcess[str]:
    words = [f"RUN={sys.executable}", "--assume-old=.venv/installed"]
    asking = f"ARGS=--vulnerability-service osv --osv-url {url}"
    return subprocess.run(
        ["make", "audit", *words, asking],
        cwd=ROOT,
        env={**os.environ, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_locked_package_is_asked_about(advisories: Advisories) -> None:
    done = audit(advisories.url)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("No known vulnerabilities found") == len(LOCKS)
    # Versions of other platforms and Pythons are locked too, and asked about there.
    locked = {
        pair for lock in LOCKS for pair in re.findall(r"^([\w.-]+)==([^\s;]+) \\$", lock.read_text(), re.MULTILINE)
    }
    assert len(locked) > 100
    assert {(re.sub(r"[-_.]+", "-", name), version) for name, version in locked} <= advisories.asked


def test_a_known_vulnerability_is_named_and_fails(advisories: Advisories) -> None:
    advisories.vulnerable.add("onnxruntime")
    done = audit(advisories.url)
    assert done.returncode == 2
    assert re.search(r"^onnxruntime\s+\S+\s+PYSEC-2026-1", done.stdout, re.MULTILINE)
    assert WARNED in done.stderr


def test_no_verdict_is_no_pass(advisories: Advisories) -> None:
    url = advisories.url
    advisories.server_close()
    done = audit(url)
    assert done.returncode == 2
    assert WARNED in done.stderr


def test_a_package_that_the_index_does_not_know_is_no_pass() -> None:
    """What the index does not know is left out unless it is to be strict. No test can stand in for the index."""
    assert "pip_audit --strict " in (ROOT / "Makefile").read_text()
