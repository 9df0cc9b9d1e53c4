"""A consumer group looked at, moved and forgotten from outside."""

import pytest

from tests.adapters.logs import KafkaLog, own
from tests.stream import eventually
from worker.adapters.kafka_group import KafkaGroup
from worker.errors import Retry, Stop


@pytest.fixture
def group(kafka_log: KafkaLog) -> KafkaGroup:
    return kafka_log.stream.group


def test_a_group_that_never_was_is_empty(group: KafkaGroup, kafka_log: KafkaLog) -> None:
    assert group.members() == {}
    assert group.committed(kafka_log.topics.events) == {}
    group.wait_until_empty(0)
    group.delete()


def test_members_are_named_by_their_instance(group: KafkaGroup, kafka_log: KafkaLog) -> None:
    own(kafka_log.source())
    assert group.members() == {kafka_log.stream.settings.kafka.member: "127.0.0.1"}
    with pytest.raises(Stop, match=rf"still has members \({kafka_log.stream.settings.kafka.member}\); stop these"):
        group.wait_until_empty(0)


def test_offsets_are_read_set_and_forgotten(group: KafkaGroup, kafka_log: KafkaLog) -> None:
    events = kafka_log.topics.events
    group.commit(events, {0: 7, 1: 0})
    assert group.committed(events) == {0: 7, 1: 0}
    assert group.committed("another topic") == {}
    group.commit(events, {1: 9})
    assert group.committed(events) == {0: 7, 1: 9}
    group.wait_until_empty(0)
    group.delete()
    assert group.committed(events) == {}
    group.delete()


def test_what_a_sink_commits_is_seen(group: KafkaGroup, kafka_log: KafkaLog) -> None:
    source, sink = kafka_log.source(), kafka_log.sink()
    own(source)
    sink.open()
    sink.begin()
    sink.commit({}, {1: 5}, source.member())
    eventually(lambda: group.committed(kafka_log.topics.events) == {1: 5}, "the marker has reached the group's offsets")


def test_a_group_with_members_is_neither_moved_nor_forgotten(group: KafkaGroup, kafka_log: KafkaLog) -> None:
    own(kafka_log.source())
    with pytest.raises((Retry, Stop)):
        group.commit(kafka_log.topics.events, {0: 7})
    with pytest.raises((Retry, Stop)):
        group.delete()
    assert group.committed(kafka_log.topics.events) == {}
