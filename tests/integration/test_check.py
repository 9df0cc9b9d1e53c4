"""What `worker check` and `worker run` say of a wrong setting-up: what is there, what to do, and exit status 1."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from confluent_kafka import Producer, TopicPartition

from deploy.local.redis import RedisServer, start_redis
from tests.integration.own_settings import own_settings
from tests.stream import Stream, eventually
from worker.__main__ import main
from worker.adapters.kafka_topics import DAY_MS, TopicPlan, plan
from worker.assemble import patient
from worker.watermark import Identity, Watermark

NOWHERE = "127.0.0.1:9"  # the discard port, on which nobody listens


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with start_redis(tmp_path_factory.mktemp("cache"), config={"maxmemory": "1gb"}) as server:
        yield server


@pytest.fixture(scope="module")
def evicting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    config = {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}
    with start_redis(tmp_path_factory.mktemp("evicting"), config=config) as server:
        yield server


class Checked(NamedTuple):
    status: int
    said: str

    def problems(self) -> list[str]:
        """What is wrong, each with what to do about it."""
        findings = self.said.replace("\n" + " " * 21, " ").splitlines()
        return [finding for finding in findings if finding.startswith("problem")]


class Surroundings:
    """Topics, a bundle and a Redis of one test's own, all as they should be until `break_` has been at them."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self.stream = Stream(environment, folder)
        self.environment = self.stream.environment
        self.names = self.stream.topics
        self.bundle = Path(environment["SONGPRINT_MODEL__BUNDLE"])

    def create(self, **config: dict[str, str]) -> None:
        """The four topics; `config` is by the topic's field in `Topics`."""
        changed = {getattr(self.names, field): settings for field, settings in config.items()}
        plans = [each._replace(config=each.config | changed.get(each.name, {})) for each in plan(self.names, 2)]
        self.make(plans)

    def make(self, plans: list[TopicPlan]) -> None:
        self.stream.admin.create(plans, 1)
        eventually(lambda: len(self.stream.admin.facts()) == len(plans), "the topics exist")

    def commit(self, offsets: dict[int, int]) -> None:
        # A broker whose first group this is has to load its coordinator.
        patient(lambda: self.stream.group.commit(self.names.events, offsets), 30)

    def check(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Checked:
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        status = main(["check"])
        return Checked(status, capsys.readouterr().out)

    def run(self) -> Checked:
        command = [sys.executable, "-m", "worker", "run", "--port", "0"]
        environment = {**os.environ, **self.environment}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        return Checked(done.returncode, done.stderr)


@pytest.fixture
def surroundings(kafka: str, cache: RedisServer, topic_prefix: str, small_bundle: Path, tmp_path: Path) -> Surroundings:
    bundle = tmp_path / "bundle"
    shutil.copytree(small_bundle, bundle)
    patience = {"SONGPRINT_KAFKA__STARTUP_TIMEOUT_S": "1"}
    environment = own_settings(topic_prefix, kafka, cache.url, bundle) | patience
    return Surroundings(environment, tmp_path)


@pytest.fixture
def check(
    surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[], Checked]:
    return lambda: surroundings.check(monkeypatch, capsys)


def test_all_is_well(surroundings: Surroundings, check: Callable[[], Checked]) -> None:
    surroundings.create()
    checked = check()
    assert checked.status == 0, checked.said
    for part in ("settings", "bundle", "kafka", "topics", "erasure", "producers", "group", "redis", "watermarks"):
        assert f" {part} " in checked.said, f"nothing is said of {part}:\n{checked.said}"
    assert "0 problems" in checked.said
    assert "holds the model small-" in checked.said
    assert "murmur2_random" in checked.said
    assert f"{surroundings.names.states} is rid of an erased user after at most 48 h" in checked.said


def _missing_topic(surroundings: Surroundings, _: RedisServer) -> None:
    surroundings.make([each for each in plan(surroundings.names, 2) if each.name != surroundings.names.labels])


def _wrong_partitions(surroundings: Surroundings, _: RedisServer) -> None:
    plans = plan(surroundings.names, 2)
    surroundings.make(
        [each._replace(partitions=3) if each.name == surroundings.names.states else each for each in plans]
    )


def _evicting_redis(surroundings: Surroundings, evicting: RedisServer) -> None:
    surroundings.create()
    surroundings.environment["SONGPRINT_REDIS__URL"] = evicting.url


def _wrong_digest(surroundings: Surroundings, _: RedisServer) -> None:
    surroundings.create()
    file = surroundings.bundle / "gender.onnx"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)


def _truncated_file(surroundings: Surroundings, _: RedisServer) -> None:
    surroundings.create()
    file = surroundings.bundle / "encoder.onnx"
    file.write_bytes(file.read_bytes()[:-100])


def _unreachable_broker(surroundings: Surroundings, _: RedisServer) -> None:
    surroundings.environment["SONGPRINT_KAFKA__BOOTSTRAP_SERVERS"] = NOWHERE


def _wrong_option(surroundings: Surroundings, _: RedisServer) -> None:
    surroundings.environment["SONGPRINT_KAFKA__PRODUCER_OPTIONS"] = '{"linger.ms": "x"}'


def _unreachable_redis(surroundings: Surroundings, _: RedisServer) -> None:
    surroundings.create()
    surroundings.environment["SONGPRINT_REDIS__URL"] = f"redis://{NOWHERE}/0"


WRONG: dict[str, tuple[Callable[[Surroundings, RedisServer], None], str, tuple[str, ...]]] = {
    "missing topic": (_missing_topic, "topics", ("labels", "python -m worker topics --create")),
    "wrong partition count": (_wrong_partitions, "topics", ("events has 2", "states has 3", "python -m worker reset")),
    "evicting Redis": (_evicting_redis, "redis", ("allkeys-lru", "set maxmemory-policy to noeviction")),
    "wrong digest": (_wrong_digest, "bundle", ("gender.onnx", "SHA-256", "export it again")),
    "truncated file": (_truncated_file, "bundle", ("encoder.onnx", "bytes", "export it again")),
    "unreachable broker": (_unreachable_broker, "kafka", (NOWHERE, "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS")),
    "wrong librdkafka option": (
        _wrong_option,
        "kafka",
        ("SONGPRINT_KAFKA__PRODUCER_OPTIONS: linger.ms: got 'x'; accepts a number from 0 to 900000",),
    ),
    "unreachable Redis": (_unreachable_redis, "redis", (NOWHERE, "SONGPRINT_REDIS__URL")),
}


@pytest.mark.parametrize(("break_", "part", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_by_check_and_by_run(
    surroundings: Surroundings,
    check: Callable[[], Checked],
    evicting: RedisServer,
    break_: Callable[[Surroundings, RedisServer], None],
    part: str,
    words: tuple[str, ...],
) -> None:
    break_(surroundings, evicting)
    checked = check()
    assert len(checked.problems()) == 1, checked.said
    (said,) = checked.problems()
    assert (checked.status, said.split()[1]) == (1, part)
    assert all(word in said for word in words), said
    others = {"bundle", "redis", "topics"} - {part} - ({"topics"} if part == "kafka" else set())
    assert all(f"ok       {other} " in checked.said for other in others), f"a part hid another:\n{checked.said}"

    ran = surroundings.run()
    error = ran.said[ran.said.rindex("error: ") :]
    assert ran.status == 1
    assert all(word in error for word in words), error
    assert "Traceback" not in ran.said


def test_topics_that_break_the_promises(surroundings: Surroundings, check: Callable[[], Checked]) -> None:
    surroundings.create(
        events={"cleanup.policy": "compact"},
        labels={"cleanup.policy": "delete"},
        states={"max.compaction.lag.ms": str(60 * DAY_MS), "max.message.bytes": "50000"},
        dead_letters={"retention.ms": "-1", "max.message.bytes": "1000"},
    )
    checked = check()
    names, said = surroundings.names, "\n".join(checked.problems())
    assert checked.status == 1
    for words in (
        f"{names.events} has cleanup.policy compact",
        f"{names.labels} has cleanup.policy delete",
        f"{names.states} may keep an erased user's record for 1,440 h",
        f"{names.states} accepts 50000 bytes a record; a state of 10000 songs has 81000",
        f"{names.dead_letters} keeps records for ever",
        f"{names.dead_letters} accepts 1000 bytes a record",
    ):
        assert words in said, said
    assert len(checked.problems()) == 6


def test_unwritable_topics_and_deletions_that_vanish(surroundings: Surroundings, check: Callable[[], Checked]) -> None:
    surroundings.create(labels={"min.insync.replicas": "2"}, states={"delete.retention.ms": "1000"})
    said = "\n".join(check().problems())
    assert f"{surroundings.names.labels} has 1 replicas and min.insync.replicas 2" in said
    assert f"{surroundings.names.states} keeps a deletion for" in said


def test_offsets_that_the_topics_do_not_have(surroundings: Surroundings, check: Callable[[], Checked]) -> None:
    surroundings.create()
    names = surroundings.names
    producer = Producer({"bootstrap.servers": surroundings.stream.settings.kafka.bootstrap_servers})
    producer.produce(names.states, b"state", b"u", partition=1)
    assert producer.flush(10) == 0
    surroundings.commit({0: 7})
    ahead, unknown = check().problems()
    assert "partition 0: 7 is committed, but the topic ends at 0" in ahead
    assert f"partition 1: no offset is committed, but {names.states} holds states" in unknown
    assert "python -m worker reset" in ahead
    assert "python -m worker reset" in unknown


def test_events_that_are_gone_before_they_were_read(surroundings: Surroundings, check: Callable[[], Checked]) -> None:
    surroundings.create()
    names, kafka = surroundings.names, surroundings.stream.settings.kafka
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    for _ in range(3):
        producer.produce(names.events, b"{}", b"u", partition=0)
    assert producer.flush(10) == 0
    surroundings.commit({0: 1})
    for future in surroundings.stream.admin.admin.delete_records([TopicPartition(names.events, 0, 3)]).values():
        future.result(10)
    (said,) = check().problems()
    assert "partition 0: 1 is committed, the first event still there is 3: 2 are lost" in said
    assert "python -m worker reset" in said


def test_a_copy_of_other_topics(surroundings: Surroundings, check: Callable[[], Checked]) -> None:
    surroundings.create()
    stale = Watermark(Identity("another cluster", "e", "s", 2), offset=5, position=5, labelled_by="", at=0)
    assert surroundings.stream.cache.claim(1, None, stale.encode(), empty=False)
    (said,) = check().problems()
    assert "Redis holds partition 1 of other topics: it has cluster another cluster" in said
    assert "python -m worker reset" in said


def test_a_worker_beside_the_check_is_told_and_is_no_problem(
    surroundings: Surroundings, check: Callable[[], Checked]
) -> None:
    """Its name and its port are taken: by itself, as when the check is run in its container, or by another."""
    surroundings.create()
    with surroundings.stream.worker() as worker:
        (started,) = worker.logged("starting")
        surroundings.environment["SONGPRINT_HTTP__PORT"] = str(started["http_port"])
        beside = check()
        surroundings.environment["SONGPRINT_KAFKA__INSTANCE"] = "b"
        another = check()
    name = f"{surroundings.stream.settings.kafka.group}-a"
    assert beside.status == another.status == 0, beside.said + another.said
    assert f"note     group       {name} is a member already, at 127.0.0.1" in beside.said
    assert "SONGPRINT_KAFKA__INSTANCE" in beside.said
    assert "is a member already" not in another.said
    assert f"a worker serves at 127.0.0.1:{started['http_port']} already" in another.said


def test_a_full_redis(surroundings: Surroundings, check: Callable[[], Checked], tmp_path: Path) -> None:
    surroundings.create()
    with start_redis(tmp_path / "full", config={"maxmemory": "1mb"}) as full:
        surroundings.environment["SONGPRINT_REDIS__URL"] = full.url
        (said,) = check().problems()
    assert "when it is full, every worker stands still" in said


def test_wrong_settings_are_all_named(surroundings: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    surroundings.environment |= {"SONGPRINT_BATCH__MAX_EVENTS": "0", "SONGPRINT_HTTP__PORT": "x"}
    command = [sys.executable, "-m", "worker", "check"]
    environment = {**os.environ, **surroundings.environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "SONGPRINT_BATCH__MAX_EVENTS: got '0'; accepts a whole number from 1 to 100000" in done.stderr
    assert "SONGPRINT_HTTP__PORT: got 'x'" in done.stderr
