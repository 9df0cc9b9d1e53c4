"""Kafka and Redis together, in a temporary folder that goes when they do."""

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local.errors import LocalStackError
from deploy.local.kafka import KafkaCluster, start_kafka
from deploy.local.probe import kafka_nodes, redis_answers
from deploy.local.process import ServerProcess
from deploy.local.redis import Implementation, RedisServer, start_redis
from worker.errors import Stop
from worker.settings import Settings, load_settings

KAFKA_VARIABLE = "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS"
REDIS_VARIABLE = "SONGPRINT_REDIS__URL"
GIVEN_SECONDS = 10.0  # to reach a server that the environment names, which may be far away


@dataclass
class LocalStack:
    """A context manager: servers that answer inside, no process and no data after it.

    Where the environment names a Kafka or a Redis, that one is used, and neither started nor stopped. If the block
    ends by an error, or a server died inside it, the logs stay and `report` is told where.
    """

    brokers: int = 1
    """How many Kafka brokers; 0 for no Kafka."""
    redis_implementation: Implementation | None = "valkey"
    """None for no Redis."""
    heap: str = "512m"
    """Each broker's Java heap, as -Xmx takes it."""
    quick: bool = True
    """Whether brokers start soon, or are compiled as in production, which pays within minutes of load."""
    keep: bool = False
    """Leave data and logs where they are."""
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    report: Callable[[str], None] = logging.getLogger(__name__).info
    """Is told, in words, what is going on."""

    bootstrap_servers: str = field(default="", init=False)
    redis_url: str = field(default="", init=False)
    kafka: KafkaCluster | None = field(default=None, init=False)
    """The cluster started here; None when the environment names one."""
    redis: RedisServer | None = field(default=None, init=False)
    """The server started here; None when the environment names one."""
    folder: Path = field(init=False)
    """Holds data/ and logs/."""

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="songprint-"))
        self._servers = ExitStack()
        try:
            if self.redis_implementation is not None:
                self._start_redis(self.redis_implementation)
            if self.brokers:
                self._start_kafka()
        except BaseException as error:
            self._close(failed=isinstance(error, Exception))
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(failed=isinstance(error, Exception) or self._died())

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which every Songprint command finds these servers."""
        both = {KAFKA_VARIABLE: self.bootstrap_servers, REDIS_VARIABLE: self.redis_url}
        return {name: value for name, value in both.items() if value}

    @property
    def processes(self) -> tuple[ServerProcess, ...]:
        """Of the servers started here."""
        redis = () if self.redis is None else (self.redis.process,)
        kafka = () if self.kafka is None else tuple(broker.process for broker in self.kafka.brokers)
        return redis + kafka

    def check(self) -> None:
        """Raise LocalStackError if a server has ended although nobody stopped it."""
        for process in self.processes:
            process.check()

    def _start_redis(self, implementation: Implementation) -> None:
        self.redis_url = self.environ.get(REDIS_VARIABLE, "")
        if self.redis_url:
            authorities = self._settings().redis.ssl_ca_certs
            _require(redis_answers(self.redis_url, GIVEN_SECONDS, authorities), REDIS_VARIABLE, self.redis_url)
            return
        self.report(f"starting {implementation}")
        self.redis = self._servers.enter_context(start_redis(self.folder, implementation))
        self.redis_url = self.redis.url

    def _start_kafka(self) -> None:
        self.bootstrap_servers = self.environ.get(KAFKA_VARIABLE, "")
        if self.bootstrap_servers:
            options = self._settings().kafka.client_options()
            nodes = kafka_nodes(self.bootstrap_servers, GIVEN_SECONDS, options)
            _require(bool(nodes), KAFKA_VARIABLE, self.bootstrap_servers)
            return
        self.kafka = self._servers.enter_context(
            start_kafka(self.folder, brokers=self.brokers, heap=self.heap, quick=self.quick, report=self.report)
        )
        self.bootstrap_servers = self.kafka.bootstrap_servers

    def _settings(self) -> Settings:
        """The worker's, which say how to come through to servers that ask for something."""
        try:
            return load_settings(None, {}, self.environ)
        except Stop as error:
            raise LocalStackError(str(error)) from error

    def _died(self) -> bool:
        try:
            self.check()
        except LocalStackError as error:
            self.report(str(error))
            return True
        return False

    def _close(self, *, failed: bool) -> None:
        self._servers.close()
        if self.keep:
            self.report(f"data and logs are kept in {self.folder}")
        elif failed and self.logs.exists():
            shutil.rmtree(self.folder / "data", ignore_errors=True)
            self.report(f"logs are kept in {self.logs}")
        else:
            shutil.rmtree(self.folder)


def _require(answers: bool, variable: str, value: str) -> None:
    if not answers:
        raise LocalStackError(f"{variable}={value} does not answer: start that server, or unset the variable")
