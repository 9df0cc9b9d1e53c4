"""A local Kafka cluster of one or several brokers (KRaft, no ZooKeeper, plaintext on the loopback interface)."""

import base64
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from deploy.local.broker import QUICK, READY_SECONDS, Java, KafkaBroker, Node
from deploy.local.class_cache import class_cache
from deploy.local.jars import kafka_jars
from deploy.local.ports import LOOPBACK, start_on_free_ports
from deploy.local.probe import kafka_nodes

HEAP = "512m"
INTERNAL_PARTITIONS = 4  # of the offsets and transaction topics; the default of 50 costs seconds at every start


class KafkaCluster:
    """Running brokers; leaving the `with` block kills them. Their data and logs stay in the folders given."""

    def __init__(self, brokers: Sequence[KafkaBroker]) -> None:
        self.brokers = tuple(brokers)
        self.bootstrap_servers = ",".join(broker.bootstrap_servers for broker in self.brokers)

    def start(self) -> None:
        """Start all brokers and wait until each of them answers and sees all of them."""
        for broker in self.brokers:
            broker.launch()
        for broker in self.brokers:
            broker.process.wait_until(partial(self._complete_for, broker), READY_SECONDS)

    def _complete_for(self, broker: KafkaBroker) -> bool:
        self.check()  # of all, as no broker becomes ready while another one that is needed has died
        return len(kafka_nodes(broker.bootstrap_servers)) == len(self.brokers)

    def check(self) -> None:
        """Raise LocalStackError if a broker has ended although nobody stopped it."""
        for broker in self.brokers:
            broker.process.check()

    def kill(self) -> None:
        for broker in self.brokers:
            broker.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


def start_kafka(
    folder: Path,
    *,
    brokers: int = 1,
    heap: str = HEAP,
    quick: bool = True,
    config: Mapping[str, str] | None = None,
    listeners: Mapping[str, int] | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> KafkaCluster:
    """A new, empty cluster that answers, with its data in `folder`/data and its logs in `folder`/logs.

    `quick` brokers start soon; others are compiled as a broker in production is, which pays within minutes of load.
    `config` are broker properties over the ones below. `listeners` are ports of a single broker beside its plaintext
    one, by the listener's name, which `config` has to explain. `report` is told, in words, what is going on.
    Raises LocalStackError; its message names the log.
    """
    java = quick_java(heap, report) if quick else Java(kafka_jars(report), heap, ())
    report(f"starting Kafka ({brokers} broker{'s' if brokers > 1 else ''})")

    def start(ports: tuple[int, ...]) -> KafkaCluster:
        nodes = [Node(1 + i, *ports[2 * i : 2 * i + 2]) for i in range(brokers)]
        settings = [{**properties(node, nodes, listeners), **(config or {})} for node in nodes]
        made = [_make_broker(node, each, java, folder) for node, each in zip(nodes, settings, strict=True)]
        return _start_new(made)

    return start_on_free_ports(2 * brokers, start)


def quick_java(heap: str, report: Callable[[str], None]) -> Java:
    """For brokers that are started often and live for minutes."""
    jars = kafka_jars(report)
    return Java(jars, heap, (*QUICK, *class_cache(jars, partial(_run_once, jars), report)))


def _run_once(jars: Sequence[Path], options: Sequence[str]) -> None:
    """A broker that is started and ends in good order."""
    java = Java(jars, HEAP, (*QUICK, *options))
    with TemporaryDirectory(prefix="songprint-") as folder:

        def start(ports: tuple[int, ...]) -> KafkaCluster:
            node = Node(1, *ports)
            return _start_new([_make_broker(node, properties(node, [node]), java, Path(folder))])

        with start_on_free_ports(2, start) as cluster:
            cluster.brokers[0].stop()


def _make_broker(node: Node, settings: Mapping[str, str], java: Java, folder: Path) -> KafkaBroker:
    name = f"kafka-{node.id}"
    data = folder / "data" / name
    shutil.rmtree(data, ignore_errors=True)  # left by an attempt on a port that was taken
    return KafkaBroker(node, java, settings, data, folder / "logs" / f"{name}.log")


def _start_new(brokers: Sequence[KafkaBroker]) -> KafkaCluster:
    cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    for formatting in [broker.format(cluster_id) for broker in brokers]:  # all at once, then wait for each
        formatting.wait_until_done(READY_SECONDS)
    cluster = KafkaCluster(brokers)
    try:
        cluster.start()
    except BaseException:
        cluster.kill()
        raise
    return cluster


def properties(node: Node, nodes: Sequence[Node], listeners: Mapping[str, int] | None = None) -> dict[str, str]:
    """The properties of one of `nodes`: what a cluster of that size would have in production, on one small machine."""
    ports = {"PLAINTEXT": node.port, **(listeners or {})}
    addresses = ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in ports.items())
    replicas = str(min(len(nodes), 3))
    in_sync = str(min(len(nodes), 2))
    return {
        "process.roles": "broker,controller",
        "node.id": str(node.id),
        "controller.quorum.voters": ",".join(f"{n.id}@{LOOPBACK}:{n.controller_port}" for n in nodes),
        "controller.listener.names": "CONTROLLER",
        "listeners": f"{addresses},CONTROLLER://{LOOPBACK}:{node.controller_port}",
        "advertised.listeners": addresses,
        "auto.create.topics.enable": "false",  # a misspelt topic is an error, as in production
        # How long a killed broker counts as alive; until then it cannot come back. The default of 9 s suits a network.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": str(INTERNAL_PARTITIONS),
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": str(INTERNAL_PARTITIONS),
        "group.initial.rebalance.delay.ms": "0",  # do not wait for more consumers to come
        "group.min.session.timeout.ms": "1000",  # a test may wish to see a dead consumer's partitions move soon
        "log.cleaner.dedupe.buffer.size": "16777216",  # allocated at the start; by default a quarter of the heap
    }
