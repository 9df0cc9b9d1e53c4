"""Adapters as the worker assembles them, each test with topics, a group and keys of its own."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.redis import IMPLEMENTATIONS, Implementation
from tests.adapters.logs import KafkaLog
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
    if request.param == "redis" and shutil.which("redis-server") is None:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing("there is no redis-server on the PATH")
    return request.param


def redis_settings(url: str, group: str, **more: str) -> Settings:
    environment = {"SONGPRINT_REDIS__URL": url, "SONGPRINT_KAFKA__GROUP": group, **more}
    return load_settings(None, {}, environment)
