"""What settings become: clients' options, the batches' bounds, and how long a start waits."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from worker import assemble
from worker.assemble import backoff, changelog_options, consumer_options, patient, policy, producer_options
from worker.errors import Retry, Stop
from worker.kafka_options import FIXED, OWN
from worker.observe.health import STALLED_SECONDS
from worker.pipeline import Policy
from worker.settings import Settings, load_settings


def settings(**environment: str) -> Settings:
    return load_settings(None, {}, {f"SONGPRINT_{name}": value for name, value in environment.items()})


def test_options_reach_the_clients_that_they_are_for() -> None:
    given = settings(
        KAFKA__OPTIONS=json.dumps({"socket.keepalive.enable": True}),
        KAFKA__CONSUMER_OPTIONS=json.dumps({"fetch.queue.backoff.ms": 7}),
        KAFKA__PRODUCER_OPTIONS=json.dumps({"linger.ms": 9}),
    )
    consumer, producer, changelog = consumer_options(given), producer_options(given), changelog_options(given)
    assert {each["socket.keepalive.enable"] for each in (consumer, producer, changelog)} == {"true"}
    assert consumer["fetch.queue.backoff.ms"] == changelog["fetch.queue.backoff.ms"] == "7", "in place of our own"
    assert producer["linger.ms"] == "9", "in place of our own"
    assert "linger.ms" not in consumer | changelog
    assert "fetch.queue.backoff.ms" not in producer


@pytest.mark.parametrize(
    ("field", "made"),
    [
        ("OPTIONS", consumer_options),
        ("OPTIONS", changelog_options),
        ("OPTIONS", producer_options),
        ("CONSUMER_OPTIONS", consumer_options),
        ("CONSUMER_OPTIONS", changelog_options),
        ("PRODUCER_OPTIONS", producer_options),
    ],
)
def test_an_option_is_refused_or_passed_through_and_never_ignored(
    field: str, made: Callable[[Settings], dict[str, Any]]
) -> None:
    for name in made(settings()).keys() - FIXED.keys() - OWN.keys():
        assert made(settings(**{f"KAFKA__{field}": json.dumps({name: "7"})}))[name] == "7", name


def test_what_the_commit_protocol_depends_on_is_set() -> None:
    given = settings(KAFKA__GROUP="g", KAFKA__INSTANCE="i", KAFKA__TRANSACTION_TIMEOUT_MS="9000")
    reading = {"isolation.level": "read_committed", "enable.auto.commit": False, "auto.offset.reset": "error"}
    member = {"group.id": "g", "group.instance.id": "g-i", "enable.auto.offset.store": False}
    assert consumer_options(given).items() >= (reading | member).items()
    assert changelog_options(given).items() >= reading.items()
    writing = {"transactional.id": "g-i", "transaction.timeout.ms": 9_000, "partitioner": "murmur2_random"}
    assert producer_options(given).items() >= writing.items()
    assert producer_options(given)["message.timeout.ms"] < 9_000, "given up before the broker aborts the transaction"


def test_clients_are_set_for_speed_unless_told_otherwise() -> None:
    """Each default in their place was measured to be slow, or to starve the worker; the reasons stand beside them."""
    producing = {
        "compression.type": "lz4",
        "linger.ms": 5,
        "retry.backoff.ms": 5,
        "connections.max.idle.ms": 5_000,
        "queue.buffering.max.messages": 1_000_000,
    }
    assert producer_options(settings()).items() >= producing.items()
    consuming = {"fetch.queue.backoff.ms": 10, "queued.max.messages.kbytes": 8_192, "fetch.max.bytes": 1 << 20}
    assert consumer_options(settings()).items() >= consuming.items()
    assert changelog_options(settings()).items() >= {"fetch.queue.backoff.ms": 10, "fetch.wait.max.ms": 20}.items()


@pytest.mark.parametrize("assignment", ["range", "cooperative-sticky"])
def test_the_consumer_joins_as_the_settings_say(assignment: str) -> None:
    options = consumer_options(settings(KAFKA__ASSIGNMENT=assignment, KAFKA__SESSION_TIMEOUT_MS="40000"))
    expected = {"group.protocol": "classic", "session.timeout.ms": 40_000, "partition.assignment.strategy": assignment}
    assert options.items() >= expected.items()
    newer = consumer_options(settings(KAFKA__GROUP_PROTOCOL="consumer"))
    assert newer["group.protocol"] == "consumer"
    assert not {"session.timeout.ms", "partition.assignment.strategy"} & set(newer), "they are the brokers' there"


@pytest.mark.parametrize(("session", "longest"), [("20000", 60_000), ("90000", 90_000)])
def test_a_worker_that_hangs_loses_its_partitions(session: str, longest: int) -> None:
    """When it counts as hanging; but librdkafka takes no less than a session."""
    given = settings(KAFKA__SESSION_TIMEOUT_MS=session)
    assert longest == max(int(session), STALLED_SECONDS * 1000)
    assert consumer_options(given)["max.poll.interval.ms"] == longest


def test_redis_is_reached_as_the_settings_say() -> None:
    given = settings(
        KAFKA__GROUP="g",
        REDIS__URL="redis://192.0.2.1:7000/3",
        REDIS__USERNAME="me",
        REDIS__PASSWORD="secret",
        REDIS__TIMEOUT_S="0.7",
        REDIS__KEY_PREFIX="p",
    )
    states = assemble.redis_states(given)
    asked = states._client.connection_pool.connection_kwargs
    expected: dict[str, Any] = {"host": "192.0.2.1", "port": 7000, "db": 3, "username": "me", "password": "secret"}
    assert asked.items() >= (expected | {"socket_timeout": 0.7, "socket_connect_timeout": 0.7}).items()
    assert states.key(5) == "p:{g/5}"


def test_the_policy_is_that_of_the_settings() -> None:
    given = settings(
        POLICY__MAX_SONGS="11",
        POLICY__MAX_EVENT_BYTES="1234",
        POLICY__LABELLING_DEFAULT="false",
        BATCH__CHUNK_EVENTS="77",
    )
    assert policy(given) == Policy(max_songs=11, max_event_bytes=1_234, labelling_default=False, chunk_events=77)


def test_waits_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assemble, "_chance", lambda: 1.0)
    waits = backoff(settings(RETRY__FIRST_MS="200", RETRY__MAX_MS="600", RETRY__JITTER="0.25"))
    assert [waits.wait() for _ in range(3)] == pytest.approx([0.15, 0.3, 0.45])


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Mock]:
    """In the places of all that a worker is assembled from, and of the worker."""
    names = ("KafkaSource", "KafkaSink", "KafkaChangelog", "Restorer", "Worker", "redis_states")
    made = {name: Mock() for name in names}
    states = SimpleNamespace(config={"delete.retention.ms": "5000"})
    kafka = Mock(identity=Mock(return_value=SimpleNamespace(partitions=4)))
    kafka.facts.return_value = {"user-state": states}
    made["kafka_topics"] = Mock(return_value=kafka)
    for name, part in made.items():
        monkeypatch.setattr(assemble, name, part)
    return made


@pytest.mark.parametrize(("relabel", "rate"), [("true", 300.0), ("false", 0)])
def test_a_worker_is_bounded_as_the_settings_say(parts: dict[str, Mock], relabel: str, rate: float) -> None:
    given = settings(
        BATCH__MAX_EVENTS="33",
        POLICY__MAX_HOT_BYTES="4000",
        MODEL__RELABEL=relabel,
        MODEL__RELABEL_RATE="300",
        KAFKA__TRANSACTION_TIMEOUT_MS="9000",
    )
    assemble.assemble(given, Mock(), Mock(), Mock())
    (arguments, _) = parts["Worker"].call_args
    assert assemble.Bounds(events=33, hot_bytes=1_000, relabel_rate=rate) in arguments, "hot bytes: of one partition"
    assert parts["KafkaSink"].call_args.args[2] == 9
    assert 5 in parts["Restorer"].call_args.args, "how long a deletion stays in the changelog, in seconds"
    parts["redis_states"].return_value.check.assert_called_once_with()


@pytest.mark.parametrize(("assignment", "incremental"), [("range", False), ("cooperative-sticky", True)])
def test_rebalances_are_as_the_assignment_makes_them(
    parts: dict[str, Mock], assignment: str, incremental: bool
) -> None:
    assemble.assemble(settings(KAFKA__ASSIGNMENT=assignment), Mock(), Mock(), Mock())
    assert parts["KafkaSource"].call_args.kwargs == {"incremental": incremental}


def test_a_start_waits_for_what_comes_later() -> None:
    answers = iter([Retry("not yet", "kafka"), Retry("not yet", "kafka"), None])

    def question() -> str:
        if (problem := next(answers)) is not None:
            raise problem
        return "here"

    assert patient(question, 60) == "here"


def test_a_start_does_not_wait_for_ever() -> None:
    def question() -> str:
        raise Retry("Kafka at 127.0.0.1:9: away", "kafka")

    with pytest.raises(Stop, match=r"127.0.0.1:9: away; no answer within 0.2 s.*SONGPRINT_KAFKA__BOOTSTRAP_SERVERS"):
        patient(question, 0.2)


def test_the_model_is_loaded_and_watched_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    load, watch, bundle = Mock(), Mock(), Mock()
    monkeypatch.setattr(assemble.Labeller, "load", load)
    monkeypatch.setattr(assemble, "load_bundle", bundle)
    monkeypatch.setattr(assemble, "ModelWatch", watch)
    given = settings(MODEL__BUNDLE="models/bundle", MODEL__THREADS="3", MODEL__WATCH_INTERVAL_S="7")
    assemble.load_labeller(given)
    assemble.model_watch(given)
    bundle.assert_called_once_with(Path("models/bundle"))
    assert load.call_args.args[1] == 3
    assert (watch.call_args.args[0], watch.call_args.args[2]) == (Path("models/bundle"), 7)
