"""Kafka's classes are learnt once, kept beside the jars, and done without where they do not fit."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from deploy.local.class_cache import class_cache
from deploy.local.jars import default_cache, kafka_jars
from deploy.local.kafka import quick_java, start_kafka

HEAP = "512m"


class Broker:
    """Leaves the file that it is told to, unless Java would not write one."""

    def __init__(self, writes: bool) -> None:
        self.writes = writes
        self.runs = 0

    def run(self, options: Sequence[str]) -> None:
        self.runs += 1
        (option,) = options
        if self.writes:
            Path(option.removeprefix("-XX:AOTCacheOutput=")).write_text("classes")


@pytest.mark.parametrize("writes", [True, False])
def test_it_is_made_once(tmp_path: Path, writes: bool) -> None:
    jars = [tmp_path / "kafka" / "a.jar"]
    broker = Broker(writes)
    said: list[str] = []
    first = class_cache(jars, broker.run, said.append)
    assert class_cache(jars, broker.run, said.append) == first
    assert broker.runs == len(said) == 1
    (file,) = tmp_path.glob("*.aot")
    assert (f"-XX:AOTCache={file}" in first) == writes
    assert {path.name for path in tmp_path.iterdir()} == {file.name, "lock"}, "no scratch folder is left"


def test_java_takes_it(tmp_path: Path) -> None:
    java, *options = quick_java(HEAP, lambda _: None).command(tmp_path)
    # "on" is an error where the file does not fit; without it Java would go on.
    tool = [java, "-XX:AOTMode=on", *options, "kafka.tools.StorageTool", "random-uuid"]
    done = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_broker_does_without_one_that_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = kafka_jars(lambda _: None)[0].parent
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    default_cache().mkdir()
    (default_cache() / whole.name).symlink_to(whole)
    class_cache(kafka_jars(lambda _: None), Broker(writes=True).run, lambda _: None)
    with start_kafka(tmp_path / "broker") as cluster:
        cluster.check()
