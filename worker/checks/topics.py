"""The topics: there, equal in partitions where they must be, and never compacted where a record must not go."""

from collections.abc import Iterator, Mapping

from worker.adapters.kafka_sink import Topics
from worker.adapters.kafka_topics import TopicFacts
from worker.checks.finding import Finding, note, ok, problem

STATE_OVERHEAD = 1_000  # bytes around a state's songs: its header, the user's id, Kafka's own
KEY_BYTES = 8


def check_topics(names: Topics, facts: Mapping[str, TopicFacts]) -> Iterator[Finding]:
    for name in names:
        if name in facts:
            yield from _check_topic(name, facts[name], compacted=name in (names.labels, names.states))
        else:
            yield problem(
                "topics",
                f"there is no topic {name} that this user may see",
                "create it with `python -m worker topics --create`, or grant the rights listed in docs/security.md",
            )
    if names.events in facts and names.states in facts:
        yield from _check_partitions(names, facts[names.events].partitions, facts[names.states].partitions)


def _check_topic(name: str, topic: TopicFacts, *, compacted: bool) -> Iterator[Finding]:
    policy, wanted = topic.config["cleanup.policy"], "compact" if compacted else "delete"
    if policy == wanted:
        plural = "s" if topic.partitions > 1 else ""
        yield ok("topics", f"{name} has {topic.partitions} partition{plural}, cleanup.policy {policy}")
    else:
        yield problem("topics", f"{name} has cleanup.policy {policy}: {_WHY[wanted]}", f"set it to {wanted}")
    in_sync = int(topic.config["min.insync.replicas"])
    if topic.replication < in_sync:
        yield problem(
            "topics",
            f"{name} has {topic.replication} replicas and min.insync.replicas {in_sync}, so nothing can be written",
            "lower min.insync.replicas, or give the topic more replicas",
        )
    elif topic.in_sync < in_sync:
        yield problem(
            "topics",
            f"{name} has a partition with {topic.in_sync} of {topic.replication} replicas in sync, and "
            f"min.insync.replicas {in_sync}, so it cannot be written",
            "bring the brokers back, and see that they catch up",
        )
    elif topic.replication == 1:
        yield note("topics", f"{name} has one replica: its broker's disk is its only copy", "in production, have three")


_WHY = {
    "delete": "all but a key's last record would vanish unread, and records without a key would be refused",
    "compact": "the last record of a user would be deleted by its age, or all records of a user kept for ever",
}


def _check_partitions(names: Topics, events: int, states: int) -> Iterator[Finding]:
    if events == states:
        yield ok("topics", f"{names.events} and {names.states} have the same number of partitions, {events}")
    else:
        yield problem(
            "topics",
            f"{names.events} has {events} partitions and {names.states} has {states}; a user's state stands in the "
            "partition of the user's events, so the numbers must be equal",
            f"stop the workers, delete {names.states}, then `python -m worker topics --create` and "
            "`python -m worker reset`",
        )


def check_sizes(names: Topics, facts: Mapping[str, TopicFacts], max_songs: int) -> Iterator[Finding]:
    """Whether the largest state, and the largest dead letter, are accepted by their topics."""
    state = max_songs * KEY_BYTES + STATE_OVERHEAD
    sizes = {name: int(facts[name].config["max.message.bytes"]) for name in names if name in facts}
    if sizes.get(names.states, state) < state:
        yield problem(
            "topics",
            f"{names.states} accepts {sizes[names.states]} bytes a record; a state of {max_songs} songs has {state}",
            f"set its max.message.bytes to {state} or more, or lower SONGPRINT_POLICY__MAX_SONGS",
        )
    if names.dead_letters in sizes and sizes[names.dead_letters] < sizes.get(names.events, 0):
        yield problem(
            "topics",
            f"{names.dead_letters} accepts {sizes[names.dead_letters]} bytes a record, {names.events} "
            f"{sizes[names.events]}: a large bad event would stop the worker",
            f"set max.message.bytes of {names.dead_letters} to {sizes[names.events]} or more",
        )
