"""The tables of the report's page."""

import pytest

from training.evaluate import compare
from training.report import page
from training.report.comparison import comparison


def test_the_page_has_every_chart() -> None:
    drawn = [draw.__name__ for draw, *_ in (*page._TELLING, *page._TASTE)]
    telling = ["learning_curves", "roc", "precision_recall", "calibration", "promise", "confusion", "auc_by_songs"]
    telling += ["playlist_lengths", "confidence"]
    assert drawn == [*telling, "map_by_cluster", "map_by_gender", "clusters_tried"]


def test_clusters_are_told_by_size_name_and_typical_songs() -> None:
    songs = [{"song_id": "s1", "title": "Tom & Huck", "lift": 3.24}, {"song_id": "s2", "title": "Yes", "lift": 1.5}]
    clusters = [
        {"id": 0, "name": "rock <hard>", "size": 0.614, "songs": songs},
        {"id": 1, "name": "pop", "size": 0.386, "songs": []},
    ]
    _, _, first, second = page._clusters(clusters).split("<tr>")
    assert "<td>rock &lt;hard&gt;</td>" in first
    assert '<td class="number">61.4%</td>' in first
    assert "<span>Tom &amp; Huck <i>x 3.2</i></span><span>Yes <i>x 1.5</i></span>" in first
    assert "<td>pop</td>" in second
    assert '<td class="number">38.6%</td>' in second


def test_figures_stand_beside_the_majority_rate() -> None:
    held = {"auc": 0.81234, "accuracy": 0.789, "majority": 0.764, "log_loss": 0.45, "calibration_error": 0.0208}
    promise = {"coverage": 0.76, "precision": 0.851, "min_known_songs": 3}
    summary = {"figures": {"held_out": {**held, "recall_f": 0.4, "recall_m": 0.93}}, "calibration": promise}
    tiles = page._tiles(summary)
    for figure, says in (
        ("0.8123", "AUC"),
        ("78.9%", "accuracy; the majority rate is 76.4%"),
        ("0.0208", "calibration error"),
        ("40% / 93%", "recall f / m"),
        ("76%", "get a label, 85.1% of them right"),
        ("3", "known songs at least"),
    ):
        assert f"<b>{figure}</b><span>{says}</span>" in tiles


@pytest.mark.parametrize("name", ["mine", "another"])
def test_a_comparison_has_the_best_first_and_the_paired_test_where_the_run_took_part(name: str) -> None:
    figures = {"accuracy": 0.7, "log_loss": 0.5, "calibration_error": 0.02}
    aucs = {"worse": (0.7, 0.71, 0.72), "mine": (0.8, 0.83, 0.81)}
    results = {
        "plan": {"folds": 5, "repeats": 1},
        "recipes": {
            one: {"recipe": {"model": "any"}, "folds": [{"auc": auc, **figures} for auc in values]}
            for one, values in aucs.items()
        },
    }
    text = comparison(results, name)
    assert text.index("<td>mine</td>") < text.index("<td>worse</td>")
    assert ('<tr class="ours"><td>mine</td><td class="number">0.8133</td>' in text) == (name == "mine")
    test = compare(results, "mine")["worse"]
    cells = f'<td class="number">{test["difference"]:+.4f}</td><td class="number">{test["p"]:.4f}</td></tr>'
    assert (cells in text) == (name == "mine")
    assert 0.001 < test["p"] < 0.1
