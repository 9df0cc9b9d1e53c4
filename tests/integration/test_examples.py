"""The examples of the docs, as another team would run them: their events get labels that they can read."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from deploy.local.jars import kafka_jars
from deploy.local.redis import start_redis
from tests.deploy.programs import needed
from tests.integration.own_settings import create_planned_topics, own_settings
from tests.stream import PATIENCE, Stream

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"
PARTITIONS = 4


@pytest.fixture
def stream(kafka: str, topic_prefix: str, small_bundle: Path, tmp_path: Path) -> Iterator[Stream]:
    with start_redis(tmp_path / "cache") as cache:
        made = Stream(own_settings(topic_prefix, kafka, cache.url, small_bundle), tmp_path)
        create_planned_topics(made, PARTITIONS)
        yield made


def abort_labels(stream: Stream) -> None:
    """Of a user named ghost, one in each partition: whoever does not read committed records alone meets them."""
    kafka, topic = stream.settings.kafka, stream.topics.labels
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": f"{kafka.group}-ghost"})
    producer.init_transactions(PATIENCE)
    producer.begin_transaction()
    for partition in range(PARTITIONS):
        producer.produce(topic, b"{}", b"ghost", partition)
    assert producer.flush(PATIENCE) == 0
    producer.abort_transaction(PATIENCE)


def run(*command: str | Path) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("produce.*")), ids=lambda path: path.name)
def test_an_example_that_produces_keeps_a_users_events_in_order(example: Path) -> None:
    """As the contract asks of every producer; without faults nobody would see that it does not."""
    assert re.search(r"enable\.idempotence\W+true\b", example.read_text(), re.IGNORECASE)


def test_the_examples_work_together(stream: Stream, kafka: str) -> None:
    needed("kcat", "kcat")
    events, labels = stream.topics.events, stream.topics.labels
    abort_labels(stream)
    run(sys.executable, EXAMPLES / "produce.py", kafka, events, "u-17", "s1", "s2")
    run("sh", EXAMPLES / "produce.sh", kafka, events, "u-17", '["s1", "s2", "s3"]')
    stream.send("u-18", {"type": "snapshot", "songs": ["s1"]})
    stream.send("u-18", None)
    stream.flush()
    with stream.worker():
        records = stream.labels(4)
    of_one_user = [record for record in records if record.key == b"u-17"]
    assert {record.label["source"]["partition"] for record in of_one_user} == {1}, "where everybody's murmur2 puts u-17"
    assert [record.label["songs"] for record in of_one_user] == [2, 3]

    by_python = run(sys.executable, EXAMPLES / "consume.py", kafka, labels, "4").splitlines()
    assert "u-18 has no label any more" in by_python
    assert by_python[-1] == "users with a label: 1", "the erased one's is forgotten"
    assert sum(line.startswith("u-17 ") for line in by_python) == 2

    by_shell = [line.split("\t") for line in run("sh", EXAMPLES / "consume.sh", kafka, labels).splitlines()]
    assert ["u-18", "NULL"] in by_shell
    assert {user for user, _ in by_shell} == {"u-17", "u-18"}
    assert [json.loads(value)["songs"] for user, value in by_shell if user == "u-17"] == [2, 3]


def test_the_java_example(stream: Stream, kafka: str) -> None:
    java = shutil.which("java")
    if java is None or "jdk.compiler" not in run(java, "--list-modules"):
        pytest.skip("there is no java with a compiler on the PATH; install a JDK")
    abort_labels(stream)
    for user in ("u-17", "u-18"):
        stream.send(user, {"type": "snapshot", "songs": ["s1"]})
    stream.send("u-18", None)
    stream.flush()
    with stream.worker():
        stream.labels(3)
    path = ":".join(map(str, kafka_jars(lambda _: None)))
    said = run(java, "-cp", path, EXAMPLES / "Consume.java", kafka, stream.topics.labels, "3").splitlines()
    assert "u-18 has no label any more" in said
    assert said[-1] == "users with a label: 1", "the erased one's is forgotten"
    assert any(line.startswith('u-17 {"user":"u-17"') for line in said)
    assert not any("ghost" in line for line in said)
