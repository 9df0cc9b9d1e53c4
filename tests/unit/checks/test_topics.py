"""What `worker check` says of topics that a test's one broker cannot have, and of rights."""

import re
from pathlib import Path

import pytest

from worker.adapters.kafka_sink import Topics
from worker.adapters.kafka_topics import TopicFacts, plan
from worker.checks.finding import Finding
from worker.checks.rights import NEEDED, check_rights
from worker.checks.topics import check_sizes, check_topics

NAMES = Topics("playlist-events", "user-labels", "user-state", "playlist-events.dlq")
ALL = frozenset(["read", "write", "describe", "describe_configs"])
SECURITY = Path(__file__).parents[3] / "docs" / "security.md"


def facts(**changed: object) -> dict[str, TopicFacts]:
    """Topics as they should be, three replicas each, but for what is changed of the labels'."""
    made = {
        each.name: TopicFacts("id", each.partitions, 3, 3, ALL, each.config | {"min.insync.replicas": "2"}, each.config)
        for each in plan(NAMES, 8)
    }
    return made | {NAMES.labels: made[NAMES.labels]._replace(**changed)}


def problems(found: list[Finding]) -> list[str]:
    return [finding.what for finding in found if finding.status == "problem"]


def test_topics_as_they_should_be() -> None:
    assert not problems([*check_topics(NAMES, facts()), *check_rights(NAMES, facts())])


@pytest.mark.parametrize(("in_sync", "wrong"), [(2, 0), (1, 1), (0, 1)])
def test_a_partition_with_too_few_replicas_in_sync(in_sync: int, wrong: int) -> None:
    found = problems(list(check_topics(NAMES, facts(in_sync=in_sync))))
    assert len(found) == wrong
    assert all(f"user-labels has a partition with {in_sync} of 3 replicas in sync" in each for each in found)


@pytest.mark.parametrize(
    ("topic", "most", "says"),
    [
        (NAMES.states, 80_999, "user-state accepts 80999 bytes a record; a state of 10000 songs has 81000"),
        (NAMES.dead_letters, 999_999, "accepts 999999 bytes a record, playlist-events 1000000"),
    ],
)
def test_a_record_that_is_larger_than_its_topic_takes(topic: str, most: int, says: str) -> None:
    enough = {
        name: each._replace(config={**each.config, "max.message.bytes": "1000000"}) for name, each in facts().items()
    }
    assert not list(check_sizes(NAMES, enough, 10_000))
    small = enough[topic]._replace(config={"max.message.bytes": str(most)})
    (said,) = problems(list(check_sizes(NAMES, enough | {topic: small}, 10_000)))
    assert says in said
    fits = enough[NAMES.states]._replace(config={"max.message.bytes": "81000"})
    assert not list(check_sizes(NAMES, enough | {NAMES.states: fits}, 10_000))


def test_a_single_copy_is_told() -> None:
    alone = facts(replication=1, in_sync=1, config=facts()[NAMES.labels].config | {"min.insync.replicas": "1"})
    found = [finding for finding in check_topics(NAMES, alone) if finding.status != "ok"]
    assert [(finding.status, finding.what) for finding in found] == [
        ("note", f"{NAMES.labels} has one replica: its broker's disk is its only copy")
    ]


def test_a_right_that_is_lacking() -> None:
    (said,) = problems(list(check_rights(NAMES, facts(rights=ALL - {"write"}))))
    assert said == "this Kafka user lacks write on user-labels"


def test_the_rights_are_those_of_the_security_page() -> None:
    rows = re.findall(r"^\| `topic` \| `(\S+)` \| (.+) \|$", SECURITY.read_text(), re.MULTILINE)
    assert {name: set(re.findall("`(.+?)`", rights)) for name, rights in rows} == {
        name: set(rights.split()) for name, rights in zip(NAMES, NEEDED, strict=True)
    }
