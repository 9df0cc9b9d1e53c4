"""Commits find their way when the broker that coordinates the group is gone for good."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from confluent_kafka import Consumer, ElectionType, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.acceptance.faults.brokers import java_hash
from tests.acceptance.servers import Brokers, start_brokers
from tests.stream import eventually
from worker.adapters.kafka_group import KafkaGroup
from worker.assemble import kafka_topics, producer_options, topics_of
from worker.errors import Retry
from worker.settings import Settings, load_settings

SESSION_MS = 20_000
CALL_SECONDS = 60.0
PATIENCE = 60.0


@pytest.fixture
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    started = start_brokers(tmp_path_factory.mktemp("brokers"), 3, SESSION_MS)
    yield started
    started.close()


@pytest.fixture
def settings(brokers: Brokers) -> Settings:
    made = load_settings(None, {}, {"SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": brokers.direct})
    topics = kafka_topics(made)
    for future in topics.admin.create_topics([NewTopic(name, 1, 3) for name in topics_of(made)]).values():
        future.result()
    return made


def member(settings: Settings) -> Consumer:
    """A consumer that owns the partition of the events topic."""
    consumer = Consumer({"bootstrap.servers": settings.kafka.bootstrap_servers, "group.id": settings.kafka.group})
    consumer.subscribe([settings.kafka.events_topic])
    eventually(lambda: consumer.poll(0.1) or consumer.assignment(), "the partition is assigned")
    return consumer


def add_offset(producer: Producer, offset: int, settings: Settings, consumer: Consumer) -> None:
    producer.begin_transaction()
    part = TopicPartition(settings.kafka.events_topic, 0, offset)
    producer.send_offsets_to_transaction([part], consumer.consumer_group_metadata(), CALL_SECONDS)


def kill_coordinator(brokers: Brokers, settings: Settings, producer: Producer) -> None:
    """And wait until the producer no longer counts it as a broker."""
    offsets = producer.list_topics("__consumer_offsets").topics["__consumer_offsets"].partitions
    brokers.by_id(offsets[java_hash(settings.kafka.group) % len(offsets)].leader).kill()
    eventually(lambda: len(producer.list_topics().brokers) == 2, "the broker is gone from the metadata")


def test_offsets_are_added_though_the_group_coordinator_is_gone(brokers: Brokers, settings: Settings) -> None:
    """librdkafka would wait for it for ever, whatever time-out it is given, and with it the worker and its group."""
    producer = Producer(producer_options(settings))
    producer.init_transactions(PATIENCE)
    consumer = member(settings)
    add_offset(producer, 0, settings, consumer)
    producer.commit_transaction(PATIENCE)
    kill_coordinator(brokers, settings, producer)

    ended = threading.Event()

    def add_another() -> None:
        with suppress(KafkaException):  # a time-out is an answer too
            add_offset(producer, 1, settings, consumer)
        ended.set()

    threading.Thread(target=add_another, daemon=True).start()
    assert ended.wait(CALL_SECONDS + PATIENCE)


ASKING = """
import sys
from worker.adapters.kafka_group import KafkaGroup
from worker.assemble import kafka_topics
from worker.errors import Retry
from worker.settings import load_settings

settings = load_settings(None, {})
group = KafkaGroup(kafka_topics(settings).admin, settings.kafka.group, settings.kafka.client_options())
for _ in sys.stdin:
    try:
        print(group.committed(settings.kafka.events_topic), flush=True)
    except Retry as problem:
        print(problem, flush=True)
"""


def test_a_coordinator_that_moves_ends_nobody_who_asks_what_is_committed(brokers: Brokers, settings: Settings) -> None:
    """librdkafka's admin client would: by a segmentation fault, in whoever still asks the old one (its issue #5040)."""
    admin = kafka_topics(settings).admin
    group = KafkaGroup(admin, settings.kafka.group, settings.kafka.client_options())
    eventually(lambda: tries(lambda: group.commit(settings.kafka.events_topic, {0: 7})), "the group has a coordinator")
    first = coordinator(admin, settings)
    environment = {**os.environ, "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": brokers.direct}
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", ASKING], env=environment, **pipes) as asking:

        def answer() -> str:
            asking.stdin.write("\n")
            asking.stdin.flush()
            line: str = asking.stdout.readline()
            return line

        brokers.by_id(first).kill()
        eventually(lambda: coordinator(admin, settings) not in {first, NOBODY}, "another one leads")
        eventually(lambda: answer() == "{0: 7}\n", "and is asked")
        brokers.by_id(first).start()

        def moved_back() -> bool:
            tries(lambda: move_back(admin, settings))  # once it has caught up
            return coordinator(admin, settings) == first

        eventually(moved_back, "the first one leads again")
        eventually(lambda: answer() == "{0: 7}\n" or asking.poll() is not None, "it answers")
        asking.stdin.close()
    assert asking.returncode == 0


NOBODY = -1


def coordinator(admin: AdminClient, settings: Settings) -> int:
    offsets = admin.list_topics("__consumer_offsets", PATIENCE).topics["__consumer_offsets"].partitions
    return offsets[java_hash(settings.kafka.group) % len(offsets)].leader


def move_back(admin: AdminClient, settings: Settings) -> None:
    """To the broker that is preferred, as the cluster would do by itself after some minutes."""
    count = len(admin.list_topics("__consumer_offsets", PATIENCE).topics["__consumer_offsets"].partitions)
    part = TopicPartition("__consumer_offsets", java_hash(settings.kafka.group) % count)
    for error in admin.elect_leaders(ElectionType.PREFERRED, [part]).result(PATIENCE).values():
        if error is not None:
            raise KafkaException(error)


def tries(act: Callable[[], object]) -> bool:
    """Whether it went well."""
    with suppress(KafkaException, Retry):
        act()
        return True
    return False
