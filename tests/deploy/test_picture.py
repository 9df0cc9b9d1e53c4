"""The picture of the dashboards: each panel is drawn, from what its queries give."""

from pathlib import Path
from typing import Any

import pytest
from matplotlib import pyplot as plt

from deploy.grafana.boards import DASHBOARDS
from tests.deploy.panel_drawing import SCALE, Moment, draw
from tests.deploy.picture import NEW_MODEL, REDIS_DIES, SECONDS
from tests.deploy.prometheus_server import Prometheus, Series


class Told(Prometheus):
    """Gives each query two series that are its number, and double in the end."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def range(self, expression: str, start: float, end: float) -> list[Series]:
        self.asked.append(expression)
        number = float(len(self.asked))
        return [Series({"instance": name}, [(start, number), (end, 2 * number)]) for name in "ab"]


def test_each_panel_is_drawn_from_what_its_queries_give(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Told()
    drawn: list[Any] = []
    monkeypatch.setattr(plt, "close", drawn.append)
    draw(server, 1_000.0, 1_090.0, [Moment(30, "Redis is lost")], tmp_path / "picture.png")
    (figure,) = drawn
    asked = iter(server.asked)
    number = 0
    for block, board in zip(figure.subfigs, DASHBOARDS, strict=True):
        assert block.get_suptitle() == board.title
        places = [place for place in block.axes if place.get_title("left")]
        for place, panel in zip(places, board.panels, strict=True):
            assert place.get_title("left") == panel.title
            heights: list[float] = []
            for query in panel.queries:
                assert next(asked) == query.expression
                number += 1
                for _ in range(2):
                    below = heights[-1] if heights and panel.stacked else 0
                    heights.append(below + number * SCALE.get(panel.unit, 1))
            *lines, mark = place.lines
            assert list(mark.get_xdata()) == [30, 30]
            assert [list(line.get_xdata()) for line in lines] == [[0, 90]] * len(heights)
            assert [list(line.get_ydata()) for line in lines] == [pytest.approx([each, 2 * each]) for each in heights]
    assert next(asked, None) is None
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_the_readme_says_what_happens_in_the_picture() -> None:
    told = " ".join((Path(__file__).parents[2] / "README.md").read_text().split())
    redis = f"Redis is killed at {REDIS_DIES} and comes back empty"
    assert f"of a real worker in {SECONDS} seconds: {redis}, and a new model is published at {NEW_MODEL}." in told
