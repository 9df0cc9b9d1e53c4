"""A broker that does not answer: every question that can wait becomes a Retry."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, cast

import pytest

from worker.adapters.kafka_changelog import KafkaChangelog
from worker.adapters.kafka_group import KafkaGroup
from worker.adapters.kafka_sink import KafkaSink
from worker.adapters.kafka_source import KafkaSource
from worker.adapters.kafka_topics import KafkaTopics
from worker.assemble import changelog_options, consumer_options, producer_options, topics_of
from worker.errors import Retry
from worker.settings import Settings, load_settings

NOBODY = {"SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "SONGPRINT_KAFKA__OPTIONS": '{"log_level": "0"}'}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    for module in ("kafka_offsets", "kafka_group"):
        monkeypatch.setattr(f"worker.adapters.{module}._WAIT", 0.2)
    return load_settings(None, {}, NOBODY)


@pytest.fixture
def topics(settings: Settings) -> KafkaTopics:
    return KafkaTopics(settings.kafka.client_options(), topics_of(settings), 0.2)


GROUP: dict[str, Callable[[KafkaGroup], object]] = {
    "members": lambda group: group.members(),
    "committed": lambda group: group.committed("playlist-events"),
    "commit": lambda group: group.commit("playlist-events", {0: 1}),
    "delete": lambda group: group.delete(),
}


@pytest.mark.parametrize("question", GROUP.values(), ids=GROUP)
def test_a_group(topics: KafkaTopics, question: Callable[[KafkaGroup], object]) -> None:
    assert_retry(lambda: question(KafkaGroup(topics.admin, "songprint", {"bootstrap.servers": "127.0.0.1:1"})))


class Unanswering:
    """An admin client whose questions wait for ever; notes after how many seconds librdkafka is to give them up."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __getattr__(self, _name: str) -> Callable[..., dict[str, Future[Any]]]:
        def ask(_what: object, **more: Any) -> dict[str, Future[Any]]:
            self.seconds.append(more["request_timeout"])
            return {"songprint": Future()}

        return ask


SILENT_SECONDS = 60
"""How long a connection may be silent: librdkafka's default of `socket.timeout.ms`."""


BY_ADMIN = {name: question for name, question in GROUP.items() if name != "committed"}
"""By a consumer, whose requests librdkafka gives up in another way."""


@pytest.mark.parametrize("question", BY_ADMIN.values(), ids=BY_ADMIN)
def test_a_question_to_a_group_outlives_its_connection(
    question: Callable[[KafkaGroup], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or an answer that comes after its time-out would end the process (librdkafka's issue #4605)."""
    monkeypatch.setattr("worker.adapters.kafka_group._WAIT", 0.0)
    admin = Unanswering()
    assert_retry(lambda: question(KafkaGroup(cast(Any, admin), "songprint", {})))
    (seconds,) = admin.seconds
    assert seconds > SILENT_SECONDS


def test_topics(topics: KafkaTopics) -> None:
    assert_retry(topics.facts)
    assert_retry(lambda: topics.create([], 1))


def test_a_source(topics: KafkaTopics, settings: Settings) -> None:
    source = KafkaSource(consumer_options(settings), topics.admin, "playlist-events", incremental=True)
    assert_retry(lambda: source.bounds(0))
    assert source.committed(0, 0.2) is None, "as if a transaction hid it: the restore asks again"
    assert source.poll(1, 0.1) is None
    source.close()


def test_a_changelog(topics: KafkaTopics, settings: Settings) -> None:
    changelog = KafkaChangelog(changelog_options(settings), topics.admin, "user-state")
    assert_retry(lambda: changelog.start(0))
    assert_retry(lambda: changelog.end(0))
    changelog.seek(0, 0)
    assert changelog.read(10, 0.1) == []
    changelog.close()


def test_a_sink(settings: Settings) -> None:
    sink = KafkaSink(producer_options(settings), topics_of(settings), 0.5)
    assert_retry(sink.open)
    assert_retry(sink.begin)
    assert_retry(sink.recover)
    sink.close()


def assert_retry(question: Callable[[], object]) -> None:
    with pytest.raises(Retry, match="Kafka") as caught:
        question()
    assert caught.value.part == "kafka"
