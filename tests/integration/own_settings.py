"""Settings under which a test's worker meets no other test."""

from pathlib import Path

from tests.stream import Stream, eventually
from worker.adapters.kafka_topics import plan


def own_settings(prefix: str, kafka: str, redis_url: str, bundle: Path) -> dict[str, str]:
    """Environment variables: names of topics and group that begin with `prefix`, and timeouts that suit a test."""
    return {
        "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": kafka,
        "SONGPRINT_KAFKA__GROUP": f"{prefix}group",
        "SONGPRINT_KAFKA__INSTANCE": "a",
        "SONGPRINT_KAFKA__EVENTS_TOPIC": f"{prefix}events",
        "SONGPRINT_KAFKA__LABELS_TOPIC": f"{prefix}labels",
        "SONGPRINT_KAFKA__STATE_TOPIC": f"{prefix}states",
        "SONGPRINT_KAFKA__DEAD_LETTER_TOPIC": f"{prefix}letters",
        "SONGPRINT_KAFKA__SESSION_TIMEOUT_MS": "6000",
        "SONGPRINT_KAFKA__TRANSACTION_TIMEOUT_MS": "5000",
        "SONGPRINT_KAFKA__STARTUP_TIMEOUT_S": "60",
        "SONGPRINT_REDIS__URL": redis_url,
        "SONGPRINT_HTTP__PORT": "0",
        "SONGPRINT_MODEL__BUNDLE": str(bundle),
        "SONGPRINT_LOG__FORMAT": "json",
    }


def create_planned_topics(stream: Stream, partitions: int) -> None:
    """The topics exactly as `worker topics --create` makes them."""
    plans = plan(stream.topics, partitions)
    stream.admin.create(plans, 1)
    eventually(lambda: len(stream.admin.facts()) == len(plans), "the topics exist")
