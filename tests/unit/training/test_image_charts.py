"""What the charts of a run of images draw of three of them, worked out by hand, before it becomes an <svg>."""

from typing import Any

import numpy as np
import pytest

from training.report import image_charts
from training.report.image_evidence import ImageEvidence

IMAGES = ImageEvidence(
    # Cluster 1 is of the first label and cluster 2 of the second; cluster 0 is left over.
    summary={"figures": {"confusion": [[1, 6, 0], [1, 0, 4]]}, "data": {"labels": ["seven", "one"]}},
    clusters=[],
    history=[{"epoch": 1, "loss": 0.5}, {"epoch": 1, "changed": 0.4}, {"epoch": 2, "changed": 0.1}],
    label=["seven", "one", "seven"],
    cluster=np.array([1, 2, 0]),
    probability=np.array([0.9, 0.8, 0.7]),
    error=np.array([0.1, 0.3, 0.11]),
    places=np.array([[0.0, 0.0], [1.0, 1.0], [np.nan, np.nan]]),
    typical=np.zeros((3, 1, 2, 2), np.float32),
    strange=np.zeros((1, 2, 2), np.float32),
)


@pytest.fixture
def axes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Draws a chart, and gives its axes, of which matplotlib would make the text."""
    monkeypatch.setattr(image_charts, "to_svg", lambda figure: figure)
    return lambda draw: draw(IMAGES).axes[0]


def test_clusters_stand_under_the_label_that_they_match(axes: Any) -> None:
    drawn = axes(image_charts.confusion)
    assert [text.get_text() for text in drawn.texts] == ["6", "1", "4", "1"]
    assert [tick.get_text() for tick in drawn.get_xticklabels()] == ["1", "2", "0"]
    assert [tick.get_text() for tick in drawn.get_yticklabels()] == ["seven", "one"]


def test_changes_are_those_of_the_rounds_of_clustering(axes: Any) -> None:
    (line,) = axes(image_charts.changes).lines
    assert line.get_xydata().tolist() == [[1, 0.4], [2, 0.1]]


def test_errors_count_every_image(axes: Any) -> None:
    heights = [bar.get_height() for bar in axes(image_charts.errors).patches]
    assert (heights[0], heights[-1], sum(heights)) == (1, 1, 3)


def test_the_map_of_labels_leaves_out_who_has_no_place(axes: Any) -> None:
    sevens, ones = axes(image_charts.map_by_label).collections
    assert (sevens.get_offsets().tolist(), sevens.get_label()) == ([[0, 0]], "seven")
    assert (ones.get_offsets().tolist(), ones.get_label()) == ([[1, 1]], "one")
