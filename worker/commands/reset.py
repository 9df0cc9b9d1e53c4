"""`worker reset`: wipe the group's state on purpose."""

import argparse
import sys

from worker.adapters.kafka_group import KafkaGroup
from worker.assemble import kafka_topics, patient, redis_states, topics_of
from worker.errors import Stop
from worker.settings import load_settings

HELP = "Wipe the group's offsets, changelog and Redis copy; all workers must be stopped."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.config, {})
    topics = topics_of(settings)
    group = settings.kafka.group
    kafka = kafka_topics(settings)
    facts = patient(kafka.facts, settings.kafka.startup_timeout_s)
    if topics.events not in facts:
        raise Stop(f"there is no topic {topics.events}; create the topics with `python -m worker topics --create`")
    if not arguments.yes and not _agreed(group, topics.states):
        print("nothing was changed")
        return 1
    members = KafkaGroup(kafka.admin, group, settings.kafka.client_options())
    members.wait_until_empty(settings.kafka.session_timeout_ms / 1000 + 5)
    # The offsets go last: a reset that stops half-way leaves a group that refuses to start and asks for a reset.
    if topics.states in facts:
        kafka.recreate(topics.states, facts[topics.events].partitions, facts[topics.states])
    cache = redis_states(settings)
    partitions = max(facts[name].partitions for name in facts)
    for partition in range(partitions):
        cache.forget(partition)
    members.delete()
    print(f"the group {group} is as new: it will read {topics.events} from the earliest event that is still there")
    return 0


def _agreed(group: str, states: str) -> bool:
    if not sys.stdin.isatty():
        raise Stop("this deletes every user's state; run it with --yes to confirm")
    print(
        f"This deletes all states of the group {group!r}: the topic {states}, its copy in Redis, the group's offsets."
    )
    answer = input("Type the group's name to go on: ")
    return answer.strip() == group
