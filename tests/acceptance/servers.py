"""The servers under the workers: several brokers and two Redis servers, each behind a proxy that can misbehave."""

import base64
import uuid
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import redis

from deploy.local.broker import READY_SECONDS, KafkaBroker, Node
from deploy.local.kafka import KafkaCluster, properties, quick_java
from deploy.local.ports import start_on_free_ports
from deploy.local.redis import RedisServer, start_redis
from tests.acceptance.proxy import LOOPBACK, KafkaProxy, TcpProxy, Trap
from tests.stream import eventually

HEAP = "512m"
LATE = 4.0  # seconds that a delayed answer takes


class Brokers:
    """A cluster whose brokers advertise their proxies to whoever comes through one."""

    def __init__(self, cluster: KafkaCluster, proxies: Sequence[KafkaProxy], trap: Trap) -> None:
        self.cluster = cluster
        self.trap = trap
        self.direct = cluster.bootstrap_servers
        self.proxied = ",".join(f"{LOOPBACK}:{proxy.port}" for proxy in proxies)
        self._proxies = proxies

    def by_id(self, node: int) -> KafkaBroker:
        return next(broker for broker in self.cluster.brokers if broker.node.id == node)

    def close(self) -> None:
        self.cluster.kill()
        for proxy in self._proxies:
            proxy.close()


def start_brokers(folder: Path, count: int, session_timeout_ms: int) -> Brokers:
    """`session_timeout_ms` is that of the consumer protocol, which the brokers decide."""
    java = quick_java(HEAP, lambda _: None)
    trap = Trap(LATE)
    sessions = {
        "group.consumer.session.timeout.ms": str(session_timeout_ms),
        "group.consumer.min.session.timeout.ms": "1000",
        "group.consumer.heartbeat.interval.ms": "1000",
        "group.consumer.min.heartbeat.interval.ms": "1000",
        "log.cleaner.backoff.ms": "2000",  # the changelog is to be compacted while workers restore from it
    }

    def start(ports: tuple[int, ...]) -> Brokers:
        nodes = [Node(1 + i, *ports[3 * i : 3 * i + 2]) for i in range(count)]
        proxies = [KafkaProxy(ports[3 * i + 2], trap) for i in range(count)]
        brokers = [
            KafkaBroker(
                node,
                java,
                {**properties(node, nodes), **sessions, **_two_listeners(node, proxy)},
                folder / "data" / f"{uuid.uuid4().hex[:8]}-kafka-{node.id}",
                folder / "logs" / f"kafka-{node.id}.log",
            )
            for node, proxy in zip(nodes, proxies, strict=True)
        ]
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        for formatting in [broker.format(cluster_id) for broker in brokers]:
            formatting.wait_until_done(READY_SECONDS)
        made = Brokers(KafkaCluster(brokers), proxies, trap)
        try:
            made.cluster.start()
        except BaseException:
            made.close()
            raise
        return made

    return start_on_free_ports(3 * count, start)


def _two_listeners(node: Node, proxy: KafkaProxy) -> dict[str, str]:
    direct = f"PLAINTEXT://{LOOPBACK}:{node.port}"
    return {
        "listeners": f"{direct},PROXIED://{LOOPBACK}:{proxy.target},CONTROLLER://{LOOPBACK}:{node.controller_port}",
        "advertised.listeners": f"{direct},PROXIED://{LOOPBACK}:{proxy.port}",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT",
    }


class RedisPair:
    """Two servers, of which the workers talk to one, through a proxy that can lead them to the other."""

    def __init__(self, folder: Path) -> None:
        at_once = {"repl-diskless-sync-delay": "0"}
        self.servers: list[RedisServer] = [
            start_redis(folder / name, config=at_once) for name in ("redis-one", "redis-two")
        ]
        self.proxy = TcpProxy(self.serving.port)
        self.url = f"redis://{LOOPBACK}:{self.proxy.port}/0"

    @property
    def serving(self) -> RedisServer:
        return self.servers[0]

    @property
    def standby(self) -> RedisServer:
        return self.servers[1]

    def ask(self, question: Callable[[redis.Redis], object], server: RedisServer | None = None) -> object:
        """Asks the serving one, or `server`, directly."""
        with redis.Redis(port=(server or self.serving).port, socket_timeout=10) as client:
            return question(client)

    def empty(self) -> None:
        """Waits while another fault keeps the serving one from writing."""
        eventually(self._emptied, "Redis is emptied")

    def _emptied(self) -> bool:
        try:
            return bool(self.ask(lambda client: client.flushall()))
        except redis.RedisError:
            return False

    def fail_over(self) -> None:
        """The standby serves from now on; connections to the other one break."""
        self.servers.reverse()
        self.proxy.target = self.serving.port
        self.proxy.sever()

    def close(self) -> None:
        self.proxy.close()
        for server in self.servers:
            server.kill()


class Servers:
    """Brokers and Redis in a `with` block; their logs stay in `folder`/logs and `folder`/redis-*/logs."""

    def __init__(self, folder: Path, brokers: int, session_timeout_ms: int) -> None:
        with ExitStack() as started:
            self.redis = RedisPair(folder)
            started.callback(self.redis.close)
            self.brokers = start_brokers(folder, brokers, session_timeout_ms)
            started.callback(self.brokers.close)
            self._started = started.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._started.close()
