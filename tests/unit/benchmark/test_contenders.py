"""Who is measured beside the worker, and that all of them do the same."""

import re
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from tests.benchmark import own, peers
from tests.benchmark.command import CONTENDERS
from tests.benchmark.contender import AT_LEAST_ONCE, EXACTLY_ONCE, Job
from tests.benchmark.environments import PEERS
from tests.benchmark.model import Model
from worker.settings import load_settings

GUARANTEES = {
    "streams": (
        "kafka_streams/src/main/java/peer/Main.java",
        '"processing.guarantee", "exactly_once_v2"',
        EXACTLY_ONCE,
    ),
    "quix": ("quix/contender.py", 'processing_guarantee="exactly-once"', EXACTLY_ONCE),
    "faust": ("faust/contender.py", 'processing_guarantee="at_least_once"', AT_LEAST_ONCE),
}
"""By peer: where it is set up, how, and what it promises so."""
KEEPS = {
    "streams": ("kafka_streams/src/main/java/peer/Main.java", "Stores.persistentKeyValueStore(Labelling.PLAYLISTS)"),
    "streams-batched": ("kafka_streams/src/main/java/peer/Labelling.java", "BeforeCommit.run(context, this::label"),
    "quix": ("quix/contender.py", "stream.apply(label, stateful=True"),
    "bytewax": ("bytewax/flow.py", 'op.stateful_map("fold", events, fold)'),
    "faust": ("faust/contender.py", 'app.Table("playlists"'),
}
"""By peer: where it says how it keeps playlists, or events that wait for their batch, and what it says."""
STREAMS = {"streams-batched": ("1", "256"), "streams": ("1", "1"), "streams-2": ("2", "1")}
"""Threads, and events in a run of the model."""
PAGE = Path(__file__).parents[3] / "docs" / "benchmark.md"


def test_the_page_tells_every_contender_and_what_it_promises() -> None:
    (table,) = re.findall(r"^\| name \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE.read_text(), re.MULTILINE)
    rows = [line.strip("|\n ").split(" | ") for line in table.splitlines()]
    told = {name.strip("`"): promise for names, _, promise in rows for name in names.split(", ")}
    assert told == {name: each.promise for name, each in CONTENDERS.items()}


@pytest.mark.parametrize(("peer", "guarantee"), GUARANTEES.items(), ids=GUARANTEES)
def test_a_peer_is_set_up_for_what_it_promises(peer: str, guarantee: tuple[str, str, str]) -> None:
    path, words, promise = guarantee
    assert words in (PEERS / path).read_text()
    assert CONTENDERS[peer].promise == promise


@pytest.mark.parametrize(("peer", "keeps"), KEEPS.items(), ids=KEEPS)
def test_a_peer_keeps_what_it_knows_where_its_documentation_has_it(peer: str, keeps: tuple[str, str]) -> None:
    path, words = keeps
    assert words in (PEERS / path).read_text()


def test_peers_are_started_as_their_titles_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran = Mock()
    monkeypatch.setattr(peers, "jars_of", lambda _peer: "classes")
    monkeypatch.setattr(peers, "python_of", lambda _peer: "python")
    monkeypatch.setattr(peers.subprocess, "run", ran)
    servers: Any = Mock(brokers="127.0.0.1:9092", redis_url="redis://127.0.0.1:6379")
    job = Job(servers, "events", "labels", "peer-1", Model(tmp_path, 128, 200), 10, tmp_path)
    for name, (threads, batch) in STREAMS.items():
        (command,) = CONTENDERS[name].prepare(job)
        assert (command.environment["BENCH_THREADS"], command.environment["BENCH_MICRO_BATCH"]) == (threads, batch)
    (command,) = CONTENDERS["bytewax"].prepare(job)
    store = str(tmp_path / "state")
    assert ran.call_args.args == (["python", "-m", "bytewax.recovery", store, "1"],)
    assert list(command.words[4:8]) == ["-r", store, "-s", "1"], "a snapshot every second"


def test_the_worker_and_the_ceiling_commit_as_many_events_at_once(tmp_path: Path) -> None:
    servers: Any = Mock(brokers="127.0.0.1:9092", redis_url="redis://127.0.0.1:6379")
    job = Job(servers, "events", "labels", "songprint-1", Model(tmp_path, 128, 200), 1_234, tmp_path, workers=2)
    given = [load_settings(None, {}, dict(each.environment)) for each in own.worker_commands(job)]
    assert [each.batch.max_events for each in given] == [1_234, 1_234]
    (copy,) = own.COPY.prepare(job)
    assert copy.environment["BENCH_BATCH"] == "1234"
    for each in given:
        assert (each.kafka.events_topic, each.kafka.labels_topic) == ("events", "labels")
        assert each.model.bundle == job.model.bundle
