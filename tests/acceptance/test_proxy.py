"""What the proxy does to the one request that it waits for, and that it leaves all others alone."""

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from tests.acceptance import proxy
from tests.acceptance.proxy import END_TXN, LIST_OFFSETS, LOOPBACK, KafkaProxy, Trap

PATIENCE = 30.0
LATE = 4.0


class Server:
    """Answers every request with its correlation id, and remembers which came."""

    def __init__(self) -> None:
        self._listener = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self.seen: list[int] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        connection, _ = self._listener.accept()
        while frame := proxy._read_frame(connection):
            _, _, correlation = struct.unpack_from(">hhi", frame, 4)
            self.seen.append(correlation)
            connection.sendall(struct.pack(">ii", 4, correlation))

    def close(self) -> None:
        self._listener.close()


class Client:
    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((LOOPBACK, port), PATIENCE)

    def ask(self, api_key: int, correlation: int) -> None:
        self._socket.sendall(struct.pack(">ihhi", 8, api_key, 3, correlation))

    def answer(self) -> int | None:
        """The correlation id of the next answer; None if the connection has ended."""
        frame = proxy._read_frame(self._socket)
        return struct.unpack(">ii", frame)[1] if frame else None

    def close(self) -> None:
        self._socket.close()


class Path:
    """From a client through the proxy to a server."""

    def __init__(self) -> None:
        self.server, self.trap = Server(), Trap(LATE)
        self.proxy = KafkaProxy(self.server.port, self.trap)
        self.client = Client(self.proxy.port)

    def close(self) -> None:
        for part in (self.client, self.proxy, self.server):
            part.close()


@pytest.fixture
def path() -> Iterator[Path]:
    path = Path()
    yield path
    path.close()


def test_other_requests_pass(path: Path) -> None:
    path.trap.set(proxy.LOSE_REQUEST)
    path.client.ask(LIST_OFFSETS, 1)
    assert path.client.answer() == 1
    assert not path.trap.struck.is_set()


@pytest.mark.parametrize(("deed", "arrives"), [(proxy.LOSE_REQUEST, False), (proxy.LOSE_ANSWER, True)])
def test_what_is_lost_breaks_the_connection(path: Path, deed: str, arrives: bool) -> None:
    path.trap.set(deed)
    path.client.ask(END_TXN, 1)
    assert path.client.answer() is None
    assert path.server.seen == [1] * arrives
    assert path.trap.struck.is_set()


def test_an_answer_that_never_comes_leaves_the_connection_as_it_is(path: Path) -> None:
    path.trap.set(proxy.SWALLOW_ANSWER)
    path.client.ask(END_TXN, 1)
    path.client.ask(END_TXN, 2)
    assert path.client.answer() == 2, "which the trap lets go"
    assert path.server.seen == [1, 2]


def test_an_answer_that_is_late_comes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(proxy.time, "sleep", slept.append)
    path.trap.set(proxy.DELAY_ANSWER)
    path.client.ask(END_TXN, 1)
    assert path.client.answer() == 1
    assert slept == [LATE]


@pytest.mark.parametrize("sent", [b"\x00\x00", b"\x00\x00\x00\x08", b"\x00\x00\x00\x08four"])
def test_a_frame_that_breaks_off_is_no_frame(sent: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        assert proxy._read_frame(ours) == b""


def test_short_answers_are_spared(path: Path) -> None:
    """All answers here have 8 bytes."""
    path.trap.set(proxy.SWALLOW_ANSWER, longer_than=8)
    path.client.ask(END_TXN, 1)
    assert path.client.answer() == 1
    assert not path.trap.struck.is_set()
    path.trap.set(proxy.SWALLOW_ANSWER, longer_than=7)
    for correlation in (2, 3):
        path.client.ask(END_TXN, correlation)
    assert path.client.answer() == 3
    assert path.trap.struck.is_set()
