"""None of the rights that docs/security.md lists may be left out: whoever lacks one does no work, and is told which."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
import redis
from confluent_kafka import Producer
from prometheus_client import CollectorRegistry

from deploy.local.redis import IMPLEMENTATIONS, RedisServer, start_redis
from tests.deploy.programs import needed
from tests.integration.certificates import Authority
from tests.integration.listed_rights import (
    Right,
    kafka_rights,
    redis_commands,
    redis_commands_to_relabel,
    redis_keys,
    rights_of_people,
)
from tests.integration.own_settings import create_planned_topics, own_settings
from tests.integration.secured_kafka import Secured, binding, bindings_as_listed, named
from tests.stream import PATIENCE, Stream, eventually
from worker.__main__ import main
from worker.adapters.redis_state import RedisStates
from worker.assemble import assemble, load_labeller, model_watch, redis_states
from worker.checks.examine import examine
from worker.checks.redis_server import try_redis
from worker.errors import Stop
from worker.inference.labeller import Labeller
from worker.loop import Observers
from worker.observe.health import Health
from worker.observe.metrics import Metrics
from worker.settings import Settings, load_settings

PASSWORD = "password"
RIGHTS = kafka_rights()


class Waiting(NamedTuple):
    """A stream of which a worker with every right has labelled one event; one of each kind waits behind it."""

    stream: Stream
    login: dict[str, str]
    """Settings of all users but the name."""
    labeller: Labeller

    def settings(self, user: str) -> Settings:
        """Of the same worker, as another Kafka user, with a copy of the states that has to be restored."""
        given = {"SONGPRINT_KAFKA__SASL_USERNAME": user, "SONGPRINT_REDIS__KEY_PREFIX": user}
        return load_settings(None, {}, self.stream.environment | self.login | given)


@pytest.fixture(scope="module")
def waiting(
    secured: Secured, authority: Authority, small_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Waiting]:
    folder = tmp_path_factory.mktemp("waiting")
    with start_redis(folder / "cache") as cache:
        settings = own_settings("least-", secured.cluster.bootstrap_servers, cache.url, small_bundle)
        stream = Stream(settings, folder)
        create_planned_topics(stream, 2)
        users = {"all": None} | {user_of(right): right for right in RIGHTS}
        secured.add_users(users, PASSWORD)
        secured.grant(
            [
                binding
                for user, lacking in users.items()
                for binding in bindings_as_listed(stream.settings.kafka, f"User:{user}", lacking)
            ]
        )
        login = login_of(secured, authority) | {"SONGPRINT_KAFKA__STARTUP_TIMEOUT_S": "1"}
        stream.send("before", {"type": "snapshot", "songs": ["s1"]})
        stream.flush()
        with stream.worker(SONGPRINT_KAFKA__SASL_USERNAME="all", **login):
            stream.labels(1)
        stream.send("before", {"type": "snapshot", "songs": ["s1", "s2"]})
        stream.send("before", b"{")
        stream.flush()
        yield Waiting(stream, login, load_labeller(stream.settings))


def login_of(secured: Secured, authority: Authority) -> dict[str, str]:
    """Settings of all users but the name."""
    return {
        "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": secured.sasl,
        "SONGPRINT_KAFKA__SECURITY_PROTOCOL": "sasl_ssl",
        "SONGPRINT_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
        "SONGPRINT_KAFKA__SASL_PASSWORD": PASSWORD,
        "SONGPRINT_KAFKA__SSL_CA_LOCATION": str(authority.certificate),
    }


def user_of(lacking: Right) -> str:
    return f"lacks-{RIGHTS.index(lacking)}"


def work(settings: Settings, labeller: Labeller) -> None:
    """As `worker run`, in this process; ends by itself after a minute."""
    metrics = Metrics(CollectorRegistry())
    metrics.model(labeller, labeller.load_seconds, time.time())
    worker = assemble(settings, labeller, model_watch(settings), Observers(metrics, Health(time.monotonic)))
    end = threading.Timer(PATIENCE, worker.stop)
    end.start()
    try:
        worker.run()
    finally:
        end.cancel()


@pytest.mark.parametrize("lacking", RIGHTS, ids=str)
def test_a_worker_without_a_right_of_kafkas_stops_and_is_told_which(waiting: Waiting, lacking: Right) -> None:
    settings = waiting.settings(user_of(lacking))
    with pytest.raises(Stop) as told:
        work(settings, waiting.labeller)
    assert f"{lacking.kind.replace(' ', '-')} rights listed in docs/security.md" in str(told.value)
    assert len(waiting.stream.read_all(waiting.stream.topics.labels)) == 1, "it has labelled nothing"
    # Kafka does not always tell the worker which one it was; the check finds out all but the transactional id.
    problems = [str(told.value)] if lacking.kind == "transactional id" else problems_found(settings)
    assert any(named(settings.kafka)[lacking.name] in each and "docs/security.md" in each for each in problems), (
        problems
    )


def problems_found(settings: Settings) -> list[str]:
    """By `worker check`, each with what to do about it."""
    return [f"{finding.what}; {finding.mend}" for finding in examine(settings) if finding.status == "problem"]


def test_a_person_with_the_rights_named_beside_the_workers_replays_dead_letters(
    waiting: Waiting, secured: Secured, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream, kafka = waiting.stream, waiting.stream.settings.kafka
    secured.add_users(["person"], PASSWORD)
    person = "User:person"
    secured.grant(
        [
            *bindings_as_listed(kafka, person),
            *(binding(kafka, person, right) for right in rights_of_people("dlq replay")),
        ]
    )
    letter = Producer({"bootstrap.servers": secured.cluster.bootstrap_servers})
    letter.produce(kafka.dead_letter_topic, b"a letter", b"u")
    assert letter.flush(PATIENCE) == 0
    for name, value in (stream.environment | waiting.login | {"SONGPRINT_KAFKA__SASL_USERNAME": "person"}).items():
        monkeypatch.setenv(name, value)
    assert main(["dlq", "list"]) == 0
    assert "0:0" in capsys.readouterr().out
    assert main(["dlq", "replay"]) == 0
    back = lambda: b"a letter" in [record.value for record in stream.read_all(kafka.events_topic)]  # noqa: E731
    eventually(back, "the letter is among the events again")


def test_a_person_with_the_rights_named_beside_the_workers_makes_topics_loads_and_resets(
    secured: Secured, authority: Authority, small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plays.csv").write_text("user_id,song_id\nann,s1\n")
    secured.add_users(["operator"], PASSWORD)
    with start_redis(tmp_path / "cache") as cache:
        settings = own_settings("operator-", secured.cluster.bootstrap_servers, cache.url, small_bundle)
        kafka = load_settings(None, {}, settings).kafka
        operator = "User:operator"
        listed = {right for command in ("topics --create", "load", "reset") for right in rights_of_people(command)}
        rights = [binding(kafka, operator, right) for right in listed]
        secured.grant([*bindings_as_listed(kafka, operator), *rights])
        login = login_of(secured, authority) | {"SONGPRINT_KAFKA__SASL_USERNAME": "operator"}
        for name, value in (settings | login).items():
            monkeypatch.setenv(name, value)
        assert main(["topics", "--create", "--partitions", "1", "--replication", "1"]) == 0
        assert main(["load", str(tmp_path)]) == 0
        stream = Stream(settings, tmp_path)
        with stream.worker(**login):
            stream.labels(1)
        assert main(["reset", "--yes"]) == 0
        assert (stream.states(), stream.group.committed(kafka.events_topic)) == ([], {})


COMMANDS_OF_PEOPLE = {
    "topics --create": ["topics", "--create", "--partitions", "1", "--replication", "1"],
    "load": ["load", "."],
    "reset": ["reset", "--yes"],
    "dlq list": ["dlq", "list"],
    "dlq replay": ["dlq", "replay"],
}
LACKING = [(command, right) for command in COMMANDS_OF_PEOPLE for right in rights_of_people(command)]


@pytest.mark.parametrize(("command", "lacking"), LACKING, ids=[f"{command}: {right}" for command, right in LACKING])
def test_a_person_without_one_of_those_rights_is_told_which(
    waiting: Waiting,
    secured: Secured,
    small_bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    lacking: Right,
) -> None:
    (tmp_path / "plays.csv").write_text("user_id,song_id\nann,s1\n")
    user = f"person-{LACKING.index((command, lacking))}"
    redis_url = str(waiting.stream.settings.redis.url)
    settings = own_settings(f"{user}-", secured.cluster.bootstrap_servers, redis_url, small_bundle)
    stream = Stream(settings | {"SONGPRINT_REDIS__KEY_PREFIX": user}, tmp_path)
    kafka = stream.settings.kafka
    if command != "topics --create":
        create_planned_topics(stream, 1)
        letter = Producer({"bootstrap.servers": secured.cluster.bootstrap_servers})
        letter.produce(kafka.dead_letter_topic, b"a letter", b"u")
        assert letter.flush(PATIENCE) == 0
    secured.add_users([user], PASSWORD)
    rights = [right for right in rights_of_people(command) if right != lacking]
    secured.grant(
        [*bindings_as_listed(kafka, f"User:{user}"), *(binding(kafka, f"User:{user}", right) for right in rights)]
    )
    own = {"SONGPRINT_KAFKA__SASL_USERNAME": user, "SONGPRINT_KAFKA__STARTUP_TIMEOUT_S": "60"}
    for name, value in (stream.environment | waiting.login | own).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert main(COMMANDS_OF_PEOPLE[command]) == 1
    told = capsys.readouterr().err
    assert named(kafka)[lacking.name] in told
    assert f"{lacking.kind.replace(' ', '-')} rights listed in docs/security.md" in told


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def cache(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    if request.param == "redis":
        needed("redis-server", "redis-server")
    with start_redis(tmp_path_factory.mktemp("guarded"), request.param) as running:
        yield running


@pytest.mark.parametrize("lacking", redis_commands(cluster=False))
def test_a_worker_without_a_right_of_redis_says_which(cache: RedisServer, lacking: str) -> None:
    granted = [command for command in redis_commands(cluster=False) if command != lacking]
    with (
        closing(states_of_one_who_may(granted, cache)) as states,
        pytest.raises(Stop, match=r"refuses this user.*docs/security\.md") as told,
    ):
        use(states)
    assert re.search(rf"\b{re.escape(lacking)}\b", str(told.value))


def test_the_keys_that_are_listed_are_those_of_the_default_prefix_alone() -> None:
    assert redis_keys() == f"{load_settings(None, {}, {}).redis.key_prefix}:*"


def test_the_rights_of_redis_that_are_listed_are_enough(cache: RedisServer) -> None:
    with closing(states_of_one_who_may(redis_commands(cluster=False), cache)) as states:
        use(states)


def test_who_asks_for_a_relabelling_needs_one_right_more(cache: RedisServer) -> None:
    commands, (more,) = redis_commands(cluster=False), redis_commands_to_relabel()
    with closing(states_of_one_who_may([*commands, more], cache)) as states:
        states.request_relabel(0, wanted=True)
        assert states.relabel_requested(0)
    with closing(states_of_one_who_may(commands, cache)) as states, pytest.raises(Stop, match=rf"\b{more}\b"):
        states.request_relabel(0, wanted=True)


def states_of_one_who_may(commands: list[str], cache: RedisServer) -> RedisStates:
    granted = [f"+{command}" for command in commands]
    with redis.Redis.from_url(cache.url) as admin:
        admin.acl_setuser("worker", enabled=True, reset=True, nopass=True, keys=[redis_keys()], commands=granted)
        admin.script_flush()  # or nobody would have to load a script
    login = {"SONGPRINT_REDIS__USERNAME": "worker", "SONGPRINT_REDIS__PASSWORD": "any"}
    return redis_states(load_settings(None, {}, {"SONGPRINT_REDIS__URL": cache.url, **login}))


def use(states: RedisStates) -> None:
    """All that a worker asks of Redis."""
    states.check()
    assert [finding.status for finding in try_redis(states)] == ["ok"]
