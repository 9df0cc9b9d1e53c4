"""Local brokers: acknowledged records survive a crash, a cluster survives one of its brokers, errors name the log."""

import re
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import SystemRandom

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.local import ports
from deploy.local.errors import LocalStackError
from deploy.local.kafka import start_kafka
from deploy.local.ports import LOOPBACK

DEADLINE_SECONDS = 60.0
TOPIC = "songs"


def create_topic(servers: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(TOPIC, num_partitions=1)])[TOPIC].result(DEADLINE_SECONDS)


def produce(servers: str, value: bytes) -> None:
    """Return once all in-sync replicas have the record."""
    errors: list[object] = []
    producer = Producer({"bootstrap.servers": servers, "acks": "all", "message.timeout.ms": 50_000})
    producer.produce(TOPIC, value, on_delivery=lambda error, _: errors.append(error))
    producer.flush(DEADLINE_SECONDS)
    assert errors == [None]


def read(servers: str, count: int) -> list[bytes | None]:
    values: list[bytes | None] = []
    deadline = time.monotonic() + DEADLINE_SECONDS
    with closing(Consumer({"bootstrap.servers": servers, "group.id": "test"})) as consumer:
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        while len(values) < count and time.monotonic() < deadline:
            values += [message.value() for message in consumer.consume(count, 0.2) if not message.error()]
    return values


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_cluster_id_may_begin_with_a_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One in 64 does, and must not be taken for an option."""
    monkeypatch.setattr("deploy.local.kafka.uuid.uuid4", lambda: uuid.UUID(bytes=b"\xfb" * 16))
    with start_kafka(tmp_path):
        pass
    assert "cluster.id=-" in next(tmp_path.rglob("meta.properties")).read_text()


def test_a_killed_broker_comes_back_with_its_data_on_its_port(tmp_path: Path) -> None:
    with start_kafka(tmp_path) as kafka:
        servers = kafka.bootstrap_servers
        create_topic(servers)
        produce(servers, b"before")
        kafka.brokers[0].kill()
        assert not kafka.brokers[0].process.running
        kafka.brokers[0].start()
        produce(servers, b"after")
        assert read(servers, 2) == [b"before", b"after"]


def test_a_cluster_goes_on_without_one_of_its_three_brokers(tmp_path: Path) -> None:
    with start_kafka(tmp_path, brokers=3) as kafka:
        create_topic(kafka.bootstrap_servers)
        produce(kafka.bootstrap_servers, b"three")
        lost = kafka.brokers[1]
        lost.kill()
        others = ",".join(broker.bootstrap_servers for broker in kafka.brokers if broker is not lost)
        produce(others, b"two")
        assert read(others, 2) == [b"three", b"two"]
        lost.start()
        produce(lost.bootstrap_servers, b"three again")
        assert read(lost.bootstrap_servers, 3) == [b"three", b"two", b"three again"]


def test_a_port_taken_meanwhile_is_replaced(tmp_path: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    choices = [(taken_port, *ports.free_ports(1, SystemRandom()))]
    choose = ports.free_ports
    monkeypatch.setattr(ports, "free_ports", lambda count, rng: choices.pop() if choices else choose(count, rng))
    with start_kafka(tmp_path) as kafka:
        assert not choices, "the taken port was never tried"
        assert kafka.brokers[0].node.port != taken_port
        create_topic(kafka.bootstrap_servers)


def test_a_broker_that_does_not_start_names_its_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "kafka-1.log"
    with pytest.raises(LocalStackError, match=re.escape(str(log))) as caught:
        start_kafka(tmp_path, config={"num.io.threads": "many"})
    assert "num.io.threads" in str(caught.value)
    assert "num.io.threads" in log.read_text()
