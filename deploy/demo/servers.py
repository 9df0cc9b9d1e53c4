"""Where the demo takes place: a Kafka and a Redis with the topics, and nothing left on them afterwards."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from deploy.demo.commands import run_command
from deploy.local.stack import LocalStack
from worker.assemble import kafka_topics, topics_of
from worker.settings import load_settings

REQUEST_SECONDS = 10.0


@contextmanager
def servers(logs: Path, report: Callable[[str], None]) -> Iterator[dict[str, str]]:
    """The environment that leads every command to a Kafka and a Redis; `report` is told what is started.

    A server that the environment names already is other people's too: there, everything has a name of its own and is
    removed in the end.
    """
    with LocalStack(report=report) as stack:
        environment = {**os.environ, **stack.environment}
        if stack.kafka is not None and stack.redis is not None:
            yield environment
            return
        environment |= _names(f"demo-{uuid4().hex[:8]}")
        try:
            yield environment
        finally:
            report("removing the demo's topics, group and keys from the servers that the environment names")
            _remove(environment, logs)


def _names(token: str) -> dict[str, str]:
    return {
        "SONGPRINT_KAFKA__GROUP": token,
        "SONGPRINT_KAFKA__EVENTS_TOPIC": f"{token}-playlist-events",
        "SONGPRINT_KAFKA__LABELS_TOPIC": f"{token}-user-labels",
        "SONGPRINT_KAFKA__STATE_TOPIC": f"{token}-user-state",
        "SONGPRINT_KAFKA__DEAD_LETTER_TOPIC": f"{token}-playlist-events.dlq",
        "SONGPRINT_REDIS__KEY_PREFIX": token,
    }


def _remove(environment: dict[str, str], logs: Path) -> None:
    """Group, keys and topics; the group can go once the broker has noticed that its worker is gone."""
    settings = load_settings(None, {}, environment)
    topics = kafka_topics(settings)
    if not topics.facts():  # nothing had been created yet
        return
    run_command("worker", "reset", "--yes", logs=logs, environment=environment)
    for deletion in topics.admin.delete_topics(list(topics_of(settings))).values():
        deletion.result(REQUEST_SECONDS)
