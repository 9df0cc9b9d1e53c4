"""The topics: what the protocol needs of them, making them, and looking at them."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ConfigSource, NewTopic, OffsetSpec, ResourceType

from worker.adapters.kafka_client import make_client
from worker.adapters.kafka_errors import error_of, sorted_error
from worker.adapters.kafka_sink import Topics
from worker.errors import Retry, Stop
from worker.watermark import Identity

DAY_MS = 86_400_000
_SET_FOR_TOPIC = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
Answer = TypeVar("Answer")


class TopicPlan(NamedTuple):
    """A topic as `topics --create` makes it."""

    name: str
    partitions: int
    config: dict[str, str]


class TopicFacts(NamedTuple):
    """A topic as it is."""

    id: str
    partitions: int
    replication: int
    in_sync: int
    """Copies of the worst partition that are up to date; 0 if one has no leader."""
    rights: frozenset[str]
    """What the client may do with it, by the names of Kafka's ACL operations in lower case."""
    config: Mapping[str, str]
    """Every setting that holds for it."""
    overrides: Mapping[str, str]
    """Those that were set for this topic."""


def plan(topics: Topics, partitions: int, retention_ms: int = 7 * DAY_MS) -> list[TopicPlan]:
    """The four topics. Events are kept for `retention_ms`; what an erased user leaves behind for two days at most."""
    # Compaction may wait no longer than a day, and a tombstone is kept for a day after it: that bounds how long an
    # erased user's state and label can still be read.
    compacted = {
        "cleanup.policy": "compact",
        "delete.retention.ms": str(DAY_MS),
        "max.compaction.lag.ms": str(DAY_MS),
        "segment.ms": str(DAY_MS // 2),
    }
    kept = {"cleanup.policy": "delete", "retention.ms": str(retention_ms)}
    return [
        TopicPlan(topics.events, partitions, kept),
        TopicPlan(topics.labels, partitions, compacted),
        TopicPlan(topics.states, partitions, compacted),
        TopicPlan(topics.dead_letters, max(1, partitions // 4), kept),
    ]


class KafkaTopics:
    """Looks at a cluster's topics through an admin client; every look-up is bounded by `timeout` seconds."""

    def __init__(self, options: Mapping[str, Any], topics: Topics, timeout: float) -> None:
        self._heard = ""
        self.admin: AdminClient = make_client(AdminClient, {**options, "error_cb": self._hear})
        self.topics = topics
        self._timeout = timeout
        self._where = options.get("bootstrap.servers")

    def create(self, plans: Sequence[TopicPlan], replication: int) -> list[str]:
        """Makes those of the planned topics that are missing, and waits until they are seen; returns their names."""
        existing = self._listed()
        missing = [plan for plan in plans if plan.name not in existing]
        wanted = [
            NewTopic(plan.name, num_partitions=plan.partitions, replication_factor=replication, config=plan.config)
            for plan in missing
        ]
        if wanted:
            for name, future in self.admin.create_topics(wanted, request_timeout=self._timeout).items():
                self._ask(future.result, f"creating the topic {name}")
            given_up = time.monotonic() + self._timeout
            while not {plan.name for plan in missing} <= self._listed():  # another broker may answer
                if time.monotonic() > given_up:
                    raise Retry(f"Kafka at {self._where}: new topics are not seen after {self._timeout:g} s", "kafka")
                time.sleep(0.02)
        return [plan.name for plan in missing]

    def _listed(self) -> set[str]:
        return set(self._ask(lambda: self.admin.list_topics(timeout=self._timeout), "looking for brokers").topics)

    def facts(self) -> dict[str, TopicFacts]:
        """What is there of the four topics. Raises Retry if no broker answers."""
        listed = self._listed()
        names = [name for name in self.topics if name in listed]
        if not names:
            return {}
        described = self.admin.describe_topics(
            TopicCollection(names), request_timeout=self._timeout, include_authorized_operations=True
        )
        configs = self.admin.describe_configs(
            [ConfigResource(ResourceType.TOPIC, name) for name in names], request_timeout=self._timeout
        )
        config_of = {resource.name: future for resource, future in configs.items()}
        facts = {}
        for name in names:
            topic = self._ask(described[name].result, f"describing the topic {name}")
            entries = self._ask(config_of[name].result, f"reading the settings of the topic {name}")
            config = {entry.name: entry.value for entry in entries.values() if entry.value is not None}
            overrides = {key: value for key, value in config.items() if entries[key].source == _SET_FOR_TOPIC}
            facts[name] = TopicFacts(
                id=str(topic.topic_id),
                partitions=len(topic.partitions),
                replication=len(topic.partitions[0].replicas),
                in_sync=min(len(part.isr) if part.leader is not None else 0 for part in topic.partitions),
                rights=frozenset(each.name.lower() for each in topic.authorized_operations or ()),
                config=config,
                overrides=overrides,
            )
        return facts

    def bounds(self, name: str) -> dict[int, tuple[int, int]]:
        """Partition → the first offset that is still there, and the offset after the last. Raises Retry and Stop."""
        listed = self._ask(lambda: self.admin.list_topics(name, self._timeout), f"looking at {name}")
        parts = [TopicPartition(name, number) for number in sorted(listed.topics[name].partitions)]
        ends = []
        for spec in (OffsetSpec.earliest(), OffsetSpec.latest()):
            futures = self.admin.list_offsets(dict.fromkeys(parts, spec), request_timeout=self._timeout)
            asking = f"asking for the bounds of {name}"
            ends.append([int(self._ask(futures[part].result, asking).offset) for part in parts])
        return dict(enumerate(zip(*ends, strict=True)))

    def recreate(self, name: str, partitions: int, before: TopicFacts) -> None:
        """Deletes a topic and makes it again: empty, with `partitions` partitions and the settings that it had."""
        self._ask(self.admin.delete_topics([name])[name].result, f"deleting the topic {name}")
        again = TopicPlan(name, partitions, dict(before.overrides))
        given_up = time.monotonic() + self._timeout
        while not self.create([again], before.replication):  # brokers delete in the background
            if time.monotonic() > given_up:
                raise Stop(f"the topic {name} is still there {self._timeout:g} s after its deletion; try again")
            time.sleep(0.1)

    def identity(self, facts: Mapping[str, TopicFacts]) -> Identity:
        """Which topics the group's state belongs to. Raises Stop if one is missing or the changelog does not match."""
        missing = [name for name in self.topics if name not in facts]
        if missing:
            raise Stop(
                f"Kafka at {self._where} has no topic {', '.join(missing)} that this user may see; create what is "
                "missing with `python -m worker topics --create`, or grant the topic rights listed in docs/security.md"
            )
        events, states = facts[self.topics.events], facts[self.topics.states]
        if events.partitions != states.partitions:
            raise Stop(
                f"{self.topics.events} has {events.partitions} partitions and {self.topics.states} has "
                f"{states.partitions}; a user's state stands in the same partition as the user's events, so the "
                f"numbers must be equal. Delete {self.topics.states} and make it anew with `python -m worker topics "
                "--create`, then `python -m worker reset`"
            )
        cluster = self._ask(lambda: self.admin.cluster_id(self._timeout), "asking for the cluster's id")
        return Identity(str(cluster), events.id, states.id, events.partitions)

    def _hear(self, error: KafkaError) -> None:
        """Why there is no connection; what a request fails with tells only that there is none."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._heard = error.str().partition(" (after ")[0]

    def _ask(self, question: Callable[[], Answer], doing: str) -> Answer:
        self._heard = ""
        try:
            return question()
        except KafkaException as exception:
            self.admin.poll(0)
            why = f" ({self._heard})" if self._heard else ""
            raise sorted_error(error_of(exception), f"at {self._where}, {doing}{why}") from exception
