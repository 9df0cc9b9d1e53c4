"""Every panel of every dashboard shows something of a real worker that a real Prometheus scrapes."""

import random
from functools import partial
from pathlib import Path

from deploy.local.redis import start_redis
from tests.deploy.busy_stream import send_some_of_everything
from tests.deploy.watched_worker import watched_worker
from tests.integration.own_settings import own_settings
from tests.stream import Stream


def test_every_panel_shows_something(kafka: str, topic_prefix: str, small_bundle: Path, tmp_path: Path) -> None:
    with start_redis(tmp_path / "cache") as cache:
        stream = Stream(own_settings(topic_prefix, kafka, cache.url, small_bundle), tmp_path)
        stream.create_topics()
        with watched_worker(stream, tmp_path, partial(send_some_of_everything, rng=random.Random(1))):
            pass  # It has waited until every panel does. Asked again, one may be silent for a moment.
