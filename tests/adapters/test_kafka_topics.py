"""Topics made, looked at and made anew, and the identity that the group's state belongs to."""

import pytest
from confluent_kafka import Producer

from tests.stream import PATIENCE, eventually
from worker.adapters.kafka_sink import Topics
from worker.adapters.kafka_topics import KafkaTopics, plan
from worker.errors import Stop


@pytest.fixture
def topics(kafka: str, topic_prefix: str) -> KafkaTopics:
    names = Topics(*(topic_prefix + name for name in ("events", "labels", "states", "letters")))
    return KafkaTopics({"bootstrap.servers": kafka}, names, 10.0)


def test_missing_topics_are_made_as_planned(topics: KafkaTopics) -> None:
    assert topics.facts() == {}
    plans = plan(topics.topics, 4)
    assert topics.create(plans[:1], 1) == [topics.topics.events]
    assert set(topics.facts()) == {topics.topics.events}
    assert topics.create(plans, 1) == list(topics.topics[1:]), "those that are there already are left alone"
    assert topics.create(plans, 1) == []
    facts = topics.facts()
    for planned in plans:
        found = facts[planned.name]
        assert (found.partitions, found.replication) == (planned.partitions, 1)
        assert dict(found.overrides) == planned.config
        assert planned.config.items() <= found.config.items()
    assert "compression.type" in facts[topics.topics.events].config, "also what was not set for the topic"
    assert len({found.id for found in facts.values()}) == 4


def test_the_protocol_gets_the_partitions_and_the_compaction_that_it_needs(topics: KafkaTopics) -> None:
    events, labels, states, letters = plan(topics.topics, 8, retention_ms=1_000)
    assert (events.partitions, labels.partitions, states.partitions, letters.partitions) == (8, 8, 8, 2)
    assert events.config == letters.config == {"cleanup.policy": "delete", "retention.ms": "1000"}
    assert states.config["cleanup.policy"] == labels.config["cleanup.policy"] == "compact"
    assert plan(topics.topics, 1)[3].partitions == 1


def test_an_identity_tells_topics_apart_that_have_one_name(topics: KafkaTopics) -> None:
    topics.create(plan(topics.topics, 2), 1)
    facts = topics.facts()
    identity = topics.identity(facts)
    assert identity.partitions == 2
    assert identity.cluster
    assert (identity.events, identity.states) == (facts[topics.topics.events].id, facts[topics.topics.states].id)
    assert topics.identity(topics.facts()) == identity

    topics.recreate(topics.topics.states, 2, facts[topics.topics.states])
    again = topics.identity(topics.facts())
    assert again.states != identity.states
    assert again.events == identity.events


def test_missing_topics_are_named(topics: KafkaTopics) -> None:
    topics.create(plan(topics.topics, 2)[:2], 1)
    with pytest.raises(Stop) as caught:
        topics.identity(topics.facts())
    states, letters = topics.topics.states, topics.topics.dead_letters
    assert f"has no topic {states}, {letters} that this user may see; create what is missing with" in str(caught.value)


def test_a_changelog_with_other_partitions_is_refused(topics: KafkaTopics) -> None:
    plans = plan(topics.topics, 4)
    topics.create([each._replace(partitions=3) if each.name == topics.topics.states else each for each in plans], 1)
    with pytest.raises(
        Stop, match=rf"events has 4 partitions and {topics.topics.states} has 3; .*python -m worker reset"
    ):
        topics.identity(topics.facts())


def test_a_topic_made_anew_is_empty_and_has_its_settings(topics: KafkaTopics, kafka: str) -> None:
    name = topics.topics.states
    special = {"cleanup.policy": "compact", "delete.retention.ms": "12345"}
    topics.create([plan(topics.topics, 2)[2]._replace(config=special)], 1)
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce(name, b"state", b"u", 0)
    assert producer.flush(PATIENCE) == 0
    before = topics.facts()[name]
    topics.recreate(name, 3, before)
    after = eventually(lambda: topics.facts().get(name), "the new topic is seen")
    assert after.id != before.id
    assert (after.partitions, after.replication, dict(after.overrides)) == (3, 1, special)
