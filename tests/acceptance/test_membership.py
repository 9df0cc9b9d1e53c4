"""Under the consumer protocol a lost answer leaves no partition without an owner: librdkafka alone would."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.acceptance.proxy import CONSUMER_GROUP_HEARTBEAT, SWALLOW_ANSWER
from tests.acceptance.servers import Brokers, start_brokers
from tests.adapters.logs import Owner
from tests.stream import eventually
from worker.adapters import kafka_membership
from worker.adapters.kafka_source import KafkaSource
from worker.assemble import consumer_options
from worker.settings import load_settings

TOPIC = "events"
PARTITIONS = 6
SESSION_MS = 20_000
LONG = 60
"""Bytes: an answer to a heartbeat has 49 where nothing is new, and 77 where it tells of partitions."""


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    started = start_brokers(tmp_path_factory.mktemp("brokers"), 1, SESSION_MS)
    admin = AdminClient({"bootstrap.servers": started.direct})
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)])[TOPIC].result()
    yield started
    started.close()


class Member(NamedTuple):
    poll: Callable[[], object]
    partitions: Callable[[], set[int]]


def outsider(brokers: Brokers, name: str, closing: ExitStack) -> Member:
    options = {"group.id": "singers", "group.protocol": "consumer", "group.instance.id": name}
    consumer = Consumer({"bootstrap.servers": brokers.direct, **options})
    closing.callback(consumer.close)
    consumer.subscribe([TOPIC])
    return Member(lambda: consumer.poll(0.05), lambda: {each.partition for each in consumer.assignment()})


def worker(brokers: Brokers, closing: ExitStack) -> Member:
    environment = {
        "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": brokers.proxied,
        "SONGPRINT_KAFKA__EVENTS_TOPIC": TOPIC,
        "SONGPRINT_KAFKA__GROUP": "singers",
        "SONGPRINT_KAFKA__GROUP_PROTOCOL": "consumer",
    }
    options = consumer_options(load_settings(None, {}, environment))
    source = KafkaSource(options, AdminClient({"bootstrap.servers": brokers.direct}), TOPIC, incremental=True)
    closing.callback(source.close)
    owner = Owner()
    source.subscribe(owner)
    return Member(lambda: source.poll(10, 0.05), lambda: owner.owned)


def together(*members: Member) -> bool:
    """Whether all partitions are owned once, by equally many each; lets all of them go on a little."""
    for member in members:
        member.poll()
    owned = [member.partitions() for member in members]
    return set().union(*owned) == set(range(PARTITIONS)) and {len(each) for each in owned} == {PARTITIONS // len(owned)}


def test_a_partition_whose_assignment_was_lost_is_asked_for(brokers: Brokers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_membership, "LOOK_SECONDS", 1.0)
    with ExitStack() as closing:
        one, other = outsider(brokers, "one", closing), outsider(brokers, "other", closing)
        eventually(lambda: together(one, other), "the first two share the partitions")
        ours = worker(brokers, closing)
        # The other does not know yet that it is to give up a partition too.
        eventually(lambda: one.poll() or ours.poll() or len(ours.partitions()) == 1, "one partition is ours")
        brokers.trap.set(SWALLOW_ANSWER, CONSUMER_GROUP_HEARTBEAT, longer_than=LONG)
        eventually(lambda: together(one, other, ours), "all three share the partitions")
        assert brokers.trap.struck.is_set(), "no answer was lost"
