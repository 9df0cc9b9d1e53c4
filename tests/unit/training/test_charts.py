"""The report's charts: what each shows of four users, worked out by hand."""

import re
from typing import Any

import numpy as np
import pytest

from training.report import charts, units_chart
from training.report.evidence import Evidence
from training.report.style import CLUSTER_COLOURS, GENDER_COLOURS

SUMMARY = {
    "calibration": {"threshold": 0.7, "promised_precision": 0.85},
    "figures": {
        "clusters_tried": [
            {"clusters": 4, "stability": 0.9, "silhouette": 0.3},
            {"clusters": 5, "stability": 0.8, "silhouette": 0.4},
        ]
    },
}


def evidence(times: int = 1) -> Evidence:
    """Two women, of whom the model takes the second for a man, and two men, about the first of whom it is not sure."""
    return Evidence(
        summary=SUMMARY,
        clusters=[{}] * 5,
        history=[
            {"phase": "first", "epoch": 1, "loss": 0.9, "validation_loss": 1.0},
            {"phase": "first", "epoch": 2, "loss": 0.5, "validation_loss": 0.7},
            {"phase": "second", "epoch": 1, "loss": 0.4},
        ],
        target=np.array([0, 0, 1, 1] * times),
        probability=np.array([0.2, 0.86, 0.6, 0.95] * times),
        songs=np.array([3, 3, 3, 30] * times),
        cluster=np.array([0, 1, 1, 0] * times),
        places=np.array([[0, 0], [1, 2], [3, 4], [np.nan, np.nan]] * times),
    )


def texts(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.fixture
def axes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Draws a chart of the four users, and gives its axes as they are before they become an <svg>."""
    monkeypatch.setattr(charts, "to_svg", lambda figure: figure)
    return lambda draw: draw(evidence()).axes[0]


def test_learning_curves_have_a_line_per_phase_and_loss(axes: Any) -> None:
    lines = {line.get_label(): line.get_xydata().tolist() for line in axes(charts.learning_curves).lines}
    assert lines == {
        "first: loss": [[1, 0.9], [2, 0.5]],
        "first: validation loss": [[1, 1.0], [2, 0.7]],
        "second: loss": [[1, 0.4]],
    }


def test_roc_tells_the_auc() -> None:
    assert "AUC 0.7500" in texts(charts.roc(evidence()))


def test_roc_sets_those_found_against_those_mistaken(axes: Any) -> None:
    """The surest is a man, the next a woman who is taken for one."""
    _, curve = axes(charts.roc).lines
    assert curve.get_xydata().tolist() == [[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]]


def test_precision_and_recall_of_both_genders(axes: Any) -> None:
    """The first of either gender comes first, the second third."""
    lines = axes(charts.precision_recall).lines
    for line, name in ((lines[0], "f"), (lines[2], "m")):
        assert line.get_label() == f"{name}: average precision 0.833"
        assert line.get_color() == GENDER_COLOURS[name]
        assert [0.5, 0.5] in line.get_xydata().tolist()
        assert [1, pytest.approx(2 / 3)] in line.get_xydata().tolist(), "recall first"
    assert [lines[place].get_ydata()[0] for place in (1, 3)] == [0.5, 0.5]


def test_calibration_sets_what_was_said_against_what_was_true(axes: Any) -> None:
    points = axes(charts.calibration).containers[0].lines[0].get_xydata()
    assert points == pytest.approx(np.array([[0.2, 0], [0.6, 1], [0.86, 0], [0.95, 1]]))


def test_the_promise_counts_the_surest_first(axes: Any) -> None:
    curve, promised, threshold = axes(charts.promise).lines
    assert curve.get_xydata() == pytest.approx(np.array([[0.5, 1 / 2], [0.75, 2 / 3], [1, 3 / 4]]))
    assert promised.get_ydata()[0] == 0.85
    assert threshold.get_xdata()[0] == 0.75


def test_confusion_counts_abstentions_apart() -> None:
    shown = texts(charts.confusion(evidence(12)))
    counts = [text for text in shown if text in {"12", "0"}]
    assert counts == ["12", "12", "0", "0", "12", "12"]
    assert [text for text in shown if text.endswith("%")] == ["50%", "50%", "0%", "0%", "50%", "50%"]


def test_auc_by_songs_leaves_out_lengths_that_say_nothing() -> None:
    """Users with 30 songs are men all, and of four users there are too few."""
    shown = texts(charts.auc_by_songs(evidence(10)))
    assert [text for text in shown if "-" in text or "users" in text] == ["1-4", "30 users"]
    assert "0.500" in shown
    assert not any("users" in text for text in texts(charts.auc_by_songs(evidence())))


def test_confidence_tells_right_from_wrong(axes: Any) -> None:
    right, wrong = ([bar.get_height() for bar in bars] for bars in axes(charts.confidence).containers)
    assert (sum(right), sum(wrong)) == (3, 1)
    assert np.flatnonzero(wrong).tolist() == [14], "0.86 belongs to the fifteenth of twenty bars from 0.5 on"


def test_playlist_lengths_count_everybody(axes: Any) -> None:
    heights = [bar.get_height() for bar in axes(charts.playlist_lengths).patches]
    assert sorted(height for height in heights if height) == [1, 3]


def test_numbers_of_clusters_that_were_tried(axes: Any) -> None:
    stability, silhouette, chosen = axes(charts.clusters_tried).lines
    assert stability.get_xydata().tolist() == [[4, 0.9], [5, 0.8]]
    assert silhouette.get_xydata().tolist() == [[4, 0.3], [5, 0.4]]
    assert chosen.get_xdata()[0] == 5


def test_maps_leave_out_who_has_no_place(axes: Any) -> None:
    drawn = axes(charts.map_by_cluster)
    (points,) = drawn.collections
    assert points.get_offsets().tolist() == [[0, 0], [1, 2], [3, 4]]
    assert hexadecimal(points) == [CLUSTER_COLOURS[number] for number in (0, 1, 1)]
    assert {text.get_text(): text.get_position() for text in drawn.texts} == {"0": (0, 0), "1": (2, 3)}
    women, men = axes(charts.map_by_gender).collections
    assert (women.get_offsets().tolist(), men.get_offsets().tolist()) == ([[0, 0], [1, 2]], [[3, 4]])
    assert [hexadecimal(group) for group in (women, men)] == [[GENDER_COLOURS["f"]], [GENDER_COLOURS["m"]]]


def hexadecimal(points: Any) -> list[str]:
    return ["#" + "".join(f"{round(255 * part):02x}" for part in colour[:3]) for colour in points.get_facecolor()]


def stored(model: str, auc: list[float], **parameters: float) -> dict[str, Any]:
    return {"recipe": {"name": "any", "model": model, **parameters}, "folds": [{"auc": value} for value in auc]}


def test_auc_by_units_compares_what_differs_in_units_alone() -> None:
    results = {
        "recipes": {
            "songprint": stored("songprint", [0.8, 0.82], units=112, taste_units=16, dropout=0.4),
            "majority": stored("majority", [0.5, 0.5]),
            "other": stored("songprint", [0.1, 0.2], units=16, taste_units=16, dropout=0.1),
            "again": stored("songprint", [0.8, 0.82], units=112, taste_units=16, dropout=0.4),
            "small": stored("songprint", [0.79, 0.78], units=48, taste_units=16, dropout=0.4),
        }
    }
    variants = units_chart.variants_of_units(results)
    assert list(variants.items()) == [(64, "small"), (128, "songprint")]
    assert {"64", "128", "0.7850", "0.8100"} <= set(texts(units_chart.auc_by_units(results, variants)))
