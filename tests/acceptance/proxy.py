"""Proxies on the loopback interface that stand between the workers and a server, and can behave like a bad network."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress

LOOPBACK = "127.0.0.1"
LIST_OFFSETS = 2
END_TXN = 26
CONSUMER_GROUP_HEARTBEAT = 68
"""Kafka's api keys; END_TXN is that of the request which commits or aborts a transaction."""
_CHUNK = 1 << 16

Deed = str
LOSE_REQUEST = "the request is lost and the connection breaks"
LOSE_ANSWER = "the answer is lost and the connection breaks"
SWALLOW_ANSWER = "the answer never comes, though the connection stays"
DELAY_ANSWER = "the answer comes late"


class TcpProxy:
    """Passes bytes on between its own `port` and the port `target`, which may be changed at any time."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.reachable = True
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._links: set[Link] = set()
        threading.Thread(target=self._accept, daemon=True, name="proxy").start()

    def sever(self) -> None:
        """Break every connection there is; new ones are made to `target`, if it is reachable."""
        for link in list(self._links):
            link.close()

    def close(self) -> None:
        self._listener.close()
        self.sever()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            try:
                if not self.reachable:
                    raise ConnectionRefusedError
                server = socket.create_connection((LOOPBACK, self.target), 5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            self._links.add(self._link(client, server))

    def _link(self, client: socket.socket, server: socket.socket) -> "Link":
        return Link(client, server, _pump, _pump, self._links.discard)


class Link:
    """One connection: two sockets and a thread for each direction. If one side ends, so does the other."""

    def __init__(
        self,
        client: socket.socket,
        server: socket.socket,
        requests: Callable[[socket.socket, socket.socket], None],
        answers: Callable[[socket.socket, socket.socket], None],
        ended: Callable[["Link"], None],
    ) -> None:
        self._sockets = (client, server)
        self._ended = ended
        for each in self._sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for pump, source, sink in ((requests, client, server), (answers, server, client)):
            threading.Thread(target=self._run, args=(pump, source, sink), daemon=True, name="proxy").start()

    def _run(
        self, pump: Callable[[socket.socket, socket.socket], None], source: socket.socket, sink: socket.socket
    ) -> None:
        with suppress(OSError):
            pump(source, sink)
        self.close()

    def close(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._ended(self)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    while part := source.recv(_CHUNK):
        sink.sendall(part)


class Trap:
    """Waits for the next request of a kind at any of the brokers' proxies, and does one deed to it."""

    def __init__(self, delay: float) -> None:
        self.delay = delay
        self.struck = threading.Event()
        self._deed: Deed | None = None
        self._api_key = END_TXN
        self._longer_than = 0
        self._lock = threading.Lock()

    def set(self, deed: Deed, api_key: int = END_TXN, longer_than: int = 0) -> None:
        """Do `deed` to the next request of the kind; or to the first answer of more than `longer_than` bytes."""
        with self._lock:
            self._deed, self._api_key, self._longer_than = deed, api_key, longer_than
            self.struck.clear()

    def take(self, api_key: int) -> Deed | None:
        """What is to be done to a request, or perhaps to its answer; the next one gets away."""
        with self._lock:
            if api_key != self._api_key or self._deed is None:
                return None
            return self._deed if self._longer_than else self._strike()

    def spares(self, answer: bytes) -> bool:
        """Whether an answer is too short to have done to it what was taken for its request."""
        with self._lock:
            if not self._longer_than:
                return False
            if self._deed is None or len(answer) <= self._longer_than:
                return True
            self._strike()
            return False

    def _strike(self) -> Deed | None:
        deed, self._deed = self._deed, None
        self.struck.set()
        return deed

    def release(self) -> None:
        with self._lock:
            self._deed = None


class KafkaProxy(TcpProxy):
    """A proxy that understands where requests begin and end, and of which kind they are."""

    def __init__(self, target: int, trap: Trap) -> None:
        self._trap = trap
        super().__init__(target)

    def _link(self, client: socket.socket, server: socket.socket) -> Link:
        frames = _Frames(self._trap)
        return Link(client, server, frames.requests, frames.answers, self._links.discard)


class _Frames:
    """The frames of one connection: four bytes of length; then a request's api key, version and correlation id, or an
    answer's correlation id."""

    def __init__(self, trap: Trap) -> None:
        self._trap = trap
        self._marked: dict[int, Deed] = {}

    def requests(self, client: socket.socket, server: socket.socket) -> None:
        while frame := _read_frame(client):
            api_key, _version, correlation = struct.unpack_from(">hhi", frame, 4)
            deed = self._trap.take(api_key)
            if deed == LOSE_REQUEST:
                return
            if deed:
                self._marked[correlation] = deed
            server.sendall(frame)

    def answers(self, server: socket.socket, client: socket.socket) -> None:
        while frame := _read_frame(server):
            (correlation,) = struct.unpack_from(">i", frame, 4)
            deed = self._marked.pop(correlation, None)
            if deed and self._trap.spares(frame):
                deed = None
            if deed == LOSE_ANSWER:
                return
            if deed == SWALLOW_ANSWER:
                continue
            if deed == DELAY_ANSWER:
                time.sleep(self._trap.delay)
            client.sendall(frame)


def _read_frame(source: socket.socket) -> bytes:
    """A frame with its length; empty at the end of the stream, even if that is in the middle of a frame."""
    head = _read(source, 4)
    body = head and _read(source, struct.unpack(">i", head)[0])
    return body and head + body


def _read(source: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = source.recv(min(size - len(parts), 1 << 20))
        if not part:
            return b""
        parts += part
    return bytes(parts)
