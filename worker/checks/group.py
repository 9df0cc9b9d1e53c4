"""The consumer group's offsets against what the topics still hold."""

from collections.abc import Iterator

from worker.adapters.kafka_group import KafkaGroup
from worker.adapters.kafka_topics import KafkaTopics
from worker.checks.finding import Finding, note, ok, problem
from worker.restore import RESET_HINT
from worker.settings import Kafka


def check_group(kafka: KafkaTopics, settings: Kafka) -> Iterator[Finding]:
    """Both topics exist. Raises Retry and Stop as look-ups do."""
    group = settings.group
    looked_at = KafkaGroup(kafka.admin, group, settings.client_options())
    members = looked_at.members()
    who = f"workers {', '.join(sorted(members))}" if members else "no worker at present"
    committed = looked_at.committed(kafka.topics.events)
    events, states = kafka.bounds(kafka.topics.events), kafka.bounds(kafka.topics.states)
    waiting = sum(max(0, high - committed.get(partition, low)) for partition, (low, high) in events.items())
    yield ok("group", f"{group} has {who}, and offsets of {len(committed)} partitions; {waiting:,} events wait")
    rights = looked_at.rights()
    if rights is not None and "read" not in rights:
        yield problem("group", f"this Kafka user lacks read on {group}", "grant the rights listed in docs/security.md")
    if settings.member in members:
        yield note(
            "group",
            f"{settings.member} is a member already, at {members[settings.member]}: a worker of this name runs, or has "
            "ended less than a session timeout ago",
            "nothing, if this check is run beside it; every other worker needs a SONGPRINT_KAFKA__INSTANCE of its own, "
            "or one of the two ends",
        )
    if len(members) > len(events):
        yield note(
            "group",
            f"{len(members)} workers share {len(events)} partitions: some have none",
            "stop those that are too many, or move to topics with more partitions (docs/upgrading.md)",
        )
    for partition, (low, high) in events.items():
        offset = committed.get(partition)
        first, last = states.get(partition, (0, 0))
        if offset is None and first < last:
            yield _mismatch(partition, f"no offset is committed, but {kafka.topics.states} holds states")
        elif offset is not None and offset < low:
            yield _mismatch(
                partition, f"{offset} is committed, the first event still there is {low}: {low - offset} are lost"
            )
        elif offset is not None and offset > high:
            yield _mismatch(partition, f"{offset} is committed, but the topic ends at {high}: it was made anew")


def _mismatch(partition: int, what: str) -> Finding:
    return problem("group", f"partition {partition}: {what}", RESET_HINT)
