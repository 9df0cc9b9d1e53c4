"""What this Kafka user may do with the topics. Which transactional ids it may use shows only when a worker starts."""

from collections.abc import Iterator, Mapping

from worker.adapters.kafka_sink import Topics
from worker.adapters.kafka_topics import TopicFacts
from worker.checks.finding import Finding, ok, problem

NEEDED = Topics(
    events="read describe_configs",
    labels="write describe_configs",
    states="read write describe_configs",
    dead_letters="write describe_configs",
)
"""By topic, the rights of docs/security.md."""


def check_rights(names: Topics, facts: Mapping[str, TopicFacts]) -> Iterator[Finding]:
    lacking = {
        name: sorted(set(needed.split()) - facts[name].rights)
        for name, needed in zip(names, NEEDED, strict=True)
        if name in facts
    }
    for name, rights in lacking.items():
        if rights:
            yield problem(
                "rights",
                f"this Kafka user lacks {', '.join(rights)} on {name}",
                "grant the topic rights listed in docs/security.md",
            )
    if len(lacking) == len(names) and not any(lacking.values()):
        yield ok("rights", "this Kafka user may read and write the topics as a worker has to")
