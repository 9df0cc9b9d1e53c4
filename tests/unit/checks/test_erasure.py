"""What `worker check` says of how long something of an erased user can still be read."""

import pytest

from worker.adapters.kafka_sink import Topics
from worker.adapters.kafka_topics import TopicFacts, plan
from worker.checks.erasure import check_erasure
from worker.checks.topics import check_topics

NAMES = Topics("playlist-events", "user-labels", "user-state", "playlist-events.dlq")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def facts(topic: str = "", **changed: str) -> dict[str, TopicFacts]:
    """Topics as `worker topics` makes them, but for what is changed of one."""
    made = {}
    for each in plan(NAMES, 8):
        own = {name.replace("_", "."): value for name, value in changed.items()} if each.name == topic else {}
        config = {"min.insync.replicas": "2", **each.config, **own}
        made[each.name] = TopicFacts("id", each.partitions, 3, 3, frozenset(), config, {})
    return made


def problems(made: dict[str, TopicFacts]) -> list[str]:
    found = [*check_erasure(NAMES, made), *check_topics(NAMES, made)]
    return [finding.what for finding in found if finding.status == "problem"]


def test_topics_as_they_are_made_are_rid_of_a_user_after_48_hours() -> None:
    """Which the page on privacy says; and every record of the other two after their retention."""
    assert problems(facts()) == []
    said = [finding.what for finding in check_erasure(NAMES, facts())]
    assert said[:2] == [f"{name} is rid of an erased user after at most 48 h" for name in (NAMES.labels, NAMES.states)]
    assert [words.split(" is rid")[0] for words in said[2:]] == [NAMES.events, NAMES.dead_letters]


@pytest.mark.parametrize("topic", [NAMES.labels, NAMES.states])
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"max_compaction_lag_ms": str(2**63 - 1)}, "may keep an erased user's record for an unbounded time"),
        ({"max_compaction_lag_ms": str(29 * DAY_MS + 1)}, "may keep an erased user's record for 696 h"),
        ({"delete_retention_ms": str(29 * DAY_MS + 1)}, "and the deletion for 696 h more"),
        ({"delete_retention_ms": str(HOUR_MS - 1)}, "keeps a deletion for"),
        ({"cleanup_policy": "delete"}, "has cleanup.policy delete"),
    ],
)
def test_a_compacted_topic_that_keeps_users_or_loses_deletions(topic: str, changed: dict[str, str], says: str) -> None:
    (what,) = problems(facts(topic, **changed))
    assert what.startswith(topic)
    assert says in what


@pytest.mark.parametrize("topic", [NAMES.events, NAMES.dead_letters])
@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"retention_ms": "-1"}, "keeps records for ever"),
        ({"retention_ms": str(30 * DAY_MS + 1)}, "keeps records for 720 h"),
        ({"cleanup_policy": "compact"}, "has cleanup.policy compact"),
        ({"cleanup_policy": "compact,delete"}, "has cleanup.policy compact,delete"),
    ],
)
def test_a_topic_of_events_that_never_ends_or_is_compacted(topic: str, changed: dict[str, str], says: str) -> None:
    (what,) = problems(facts(topic, **changed))
    assert what.startswith(topic)
    assert says in what
