"""Of an erased user nothing is left in any topic once the times are over that their settings state."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from deploy.local.kafka import start_kafka
from deploy.local.redis import start_redis
from tests.integration.own_settings import create_planned_topics, own_settings
from tests.stream import PATIENCE, Stream, eventually

OFTEN = {"log.cleaner.backoff.ms": "100", "log.retention.check.interval.ms": "100"}
"""How often a broker looks; by default every 15 s and every 5 minutes."""


@pytest.fixture
def stream(topic_prefix: str, small_bundle: Path, tmp_path: Path) -> Iterator[Stream]:
    """The topics as `worker topics --create` makes them, one partition each."""
    with start_kafka(tmp_path / "kafka", config=OFTEN) as kafka, start_redis(tmp_path / "redis") as redis:
        made = Stream(own_settings(topic_prefix, kafka.bootstrap_servers, redis.url, small_bundle), tmp_path)
        create_planned_topics(made, 1)
        yield made


def shorten(stream: Stream, topic: str, **milliseconds: int) -> None:
    """Has some of the topic's times over at once; its other settings stay."""
    entries = [
        ConfigEntry(name.replace("_", "."), str(time), incremental_operation=AlterConfigOpType.SET)
        for name, time in milliseconds.items()
    ]
    asked = [ConfigResource(ResourceType.TOPIC, topic, incremental_configs=entries)]
    for future in stream.admin.admin.incremental_alter_configs(asked).values():
        future.result(PATIENCE)


def keys(stream: Stream, topic: str) -> set[bytes | None]:
    return {record.key for record in stream.read_all(topic)}


def test_nothing_of_an_erased_user_outlives_the_times_that_topics_state(stream: Stream) -> None:
    with stream.worker():
        stream.send("u", {"type": "snapshot", "songs": ["s1"]})
        stream.send("u", b"no event, and a dead letter")
        stream.send("u", None)
        stream.flush()
        stream.labels(2)
        stream.letters(1)
    names = stream.topics
    for topic in names:
        eventually(lambda topic=topic: b"u" in keys(stream, topic), f"{topic} has the user")  # type: ignore[misc]
    for topic in (names.labels, names.states):
        shorten(stream, topic, max_compaction_lag_ms=1, delete_retention_ms=1)

    def gone_from_what_is_compacted() -> bool:
        stream.send("v", {"type": "change", "add": ["s2"]})  # a broker rolls a segment when something comes in
        stream.flush()
        return not any(b"u" in keys(stream, topic) for topic in (names.labels, names.states))

    with stream.worker():
        eventually(gone_from_what_is_compacted, "label, state and both deletions are compacted away")
    assert b"v" in keys(stream, names.labels) & keys(stream, names.states)
    for topic in (names.events, names.dead_letters):
        shorten(stream, topic, retention_ms=1)
        eventually(lambda topic=topic: b"u" not in keys(stream, topic), f"{topic} is rid of what is too old")  # type: ignore[misc]
