"""Who is measured beside the worker, and that all of them do the same."""

import re
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from tests.benchmark import own
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
