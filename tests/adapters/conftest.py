"""Adapters as the worker assembles them, each test with topics, a group and keys of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.redis import IMPLEMENTATIONS, Implementation
from tests.adapters.logs import KafkaLog
from tests.deploy.programs import needed
from worker.settings import Settings, load_settings


@pytest.fixture
def kafka_log(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[KafkaLog]:
    """Topics and a group on the real broker."""
    log = KafkaLog(kafka, topic_prefix, tmp_path)
    yield log
    log.close()


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request: pytest.FixtureRequest) -> Implementation:
    """Which Redis-protocol server a test starts for itself."""
    if request.param == "redis":
        needed("redis-server", "redis-server")
    return request.param


def redis_settings(url: str, group: str, **more: str) -> Settings:
    environment = {"SONGPRINT_REDIS__URL": url, "SONGPRINT_KAFKA__GROUP": group, **more}
    return load_settings(None, {}, environment)
