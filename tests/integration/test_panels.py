"""Every panel of every dashboard shows something of a real worker that a real Prometheus scrapes, and in a picture."""

import math
import random
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from matplotlib import pyplot as plt

from deploy.grafana.boards import DASHBOARDS
from deploy.local.redis import start_redis
from tests.deploy.busy_stream import send_some_of_everything
from tests.deploy.panel_drawing import draw
from tests.deploy.watched_worker import watched_worker
from tests.integration.own_settings import own_settings
from tests.stream import Stream, eventually

PANELS = [panel.title for board in DASHBOARDS for panel in board.panels]


def panels_with_a_line(figure: Any) -> list[str]:
    """The titles of those in which something is drawn that is a number."""
    places = [place for block in figure.subfigs for place in block.axes]
    return [
        place.get_title("left")
        for place in places
        if any(math.isfinite(height) for line in place.lines for height in line.get_ydata())
    ]


def test_every_panel_shows_something(
    kafka: str, topic_prefix: str, small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(plt, "close", drawn.append)
    send = partial(send_some_of_everything, rng=random.Random(1))
    with start_redis(tmp_path / "cache") as cache:
        stream = Stream(own_settings(topic_prefix, kafka, cache.url, small_bundle), tmp_path)
        stream.create_topics()
        began = time.time()
        with watched_worker(stream, tmp_path, send) as server:  # every panel's query has given something by now

            def all_are_drawn() -> bool:
                send(stream, 200)
                draw(server, began, time.time(), [], tmp_path / "picture.png")
                return panels_with_a_line(drawn[-1]) == PANELS

            eventually(all_are_drawn, "each panel has a line in the picture")
