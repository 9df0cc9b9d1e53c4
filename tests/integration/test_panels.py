"""Every panel of every dashboard shows something of a real worker that a real Prometheus scrapes, and in a picture."""

import math
import random
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from matplotlib import pyplot as plt

from deploy.demo.held_out import Listener
from deploy.grafana.boards import DASHBOARDS
from deploy.local.redis import start_redis
from tests.deploy import picture
from tests.deploy.busy_stream import send_some_of_everything
from tests.deploy.panel_drawing import draw, name_of
from tests.deploy.prometheus_server import Prometheus
from tests.deploy.watched_worker import watched_worker
from tests.integration.own_settings import own_settings
from tests.small_bundle import export_small_bundle
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


def nameless_lines(server: Prometheus) -> list[str]:
    """Names with a label that the series lacks, or of more than one line of the same panel."""
    found = []
    for panel in (panel for board in DASHBOARDS for panel in board.panels):
        names = [name_of(query, series) for query in panel.queries for series in server.query(query.expression)]
        found += [f"{panel.title}: {name}" for name in names if "{{" in name or names.count(name) > 1]
    return found


def test_every_panel_shows_something_and_says_what(
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
            assert nameless_lines(server) == []


def test_the_picture_of_the_readme_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As its command draws it, but of a shorter life, and with models that are there already."""

    def trained(folder: Path) -> list[Listener]:
        for seed, name in enumerate(("bundle", "next")):
            export_small_bundle(folder / name, seed)
        return [Listener(f"user{number}", (f"s{number}", f"s{number + 1}"), "f") for number in range(150)]

    drawn: list[Any] = []
    monkeypatch.setattr(picture, "train", trained)
    for moment, seconds in (("REDIS_DIES", 2), ("REDIS_IS_BACK", 4), ("NEW_MODEL", 6), ("SECONDS", 9)):
        monkeypatch.setattr(picture, moment, seconds)
    monkeypatch.setattr(plt, "close", drawn.append)
    assert picture.main([str(tmp_path / "dashboards.png")]) == 0
    assert (tmp_path / "dashboards.png").stat().st_size > 0
    (figure,) = drawn
    assert panels_with_a_line(figure) == PANELS
