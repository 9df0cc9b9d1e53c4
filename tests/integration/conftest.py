"""Streams of their own for tests that run whole workers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.certificates import Authority
from tests.integration.secured_kafka import Secured, start_secured_kafka
from tests.stream import Stream


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "ca")


@pytest.fixture(scope="module")
def secured(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with start_secured_kafka(tmp_path_factory.mktemp("secured"), authority) as running:
        yield running


@pytest.fixture
def stream(kafka: str, redis_url: str, topic_prefix: str, small_bundle: Path, tmp_path: Path) -> Stream:
    """Four partitions, a group of its own, and short timeouts, so that the broker notices a missing worker soon."""
    made = Stream(
        {
            "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": kafka,
            "SONGPRINT_KAFKA__GROUP": f"{topic_prefix}group",
            "SONGPRINT_KAFKA__EVENTS_TOPIC": f"{topic_prefix}events",
            "SONGPRINT_KAFKA__LABELS_TOPIC": f"{topic_prefix}labels",
            "SONGPRINT_KAFKA__STATE_TOPIC": f"{topic_prefix}states",
            "SONGPRINT_KAFKA__DEAD_LETTER_TOPIC": f"{topic_prefix}letters",
            "SONGPRINT_KAFKA__SESSION_TIMEOUT_MS": "6000",
            "SONGPRINT_KAFKA__TRANSACTION_TIMEOUT_MS": "5000",
            "SONGPRINT_KAFKA__STARTUP_TIMEOUT_S": "60",
            "SONGPRINT_REDIS__URL": redis_url,
            "SONGPRINT_HTTP__PORT": "0",
            "SONGPRINT_MODEL__BUNDLE": str(small_bundle),
            "SONGPRINT_LOG__FORMAT": "json",
        },
        tmp_path,
    )
    made.create_topics()
    return made
