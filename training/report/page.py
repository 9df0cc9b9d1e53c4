"""The page itself: figures, charts and tables put together; nothing in it needs a network."""

from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from training.evaluate import Results
from training.report import charts
from training.report.comparison import baseline_table, comparison
from training.report.evidence import Evidence, read_evidence
from training.report.style import CLUSTER_COLOURS

_TELLING: tuple[tuple[Callable[[Evidence], str], str, str], ...] = (
    (charts.learning_curves, "Learning curves", "loss by epoch"),
    (charts.roc, "ROC", "the diagonal is guessing"),
    (charts.precision_recall, "Precision and recall", "dotted: the share of that gender"),
    (charts.calibration, "Calibration", "15 bins of equal mass, two standard errors"),
    (charts.promise, "Precision and coverage", "what the threshold buys"),
    (charts.confusion, "Confusion", "at the threshold, abstentions apart"),
    (charts.auc_by_songs, "AUC by number of songs", "how many songs until a label is worth publishing"),
    (charts.playlist_lengths, "Number of songs", "on a logarithmic scale"),
    (charts.confidence, "Confidence", "right and wrong answers"),
)
_TASTE: tuple[tuple[Callable[[Evidence], str], str, str], ...] = (
    (charts.map_by_cluster, "Users by cluster", "t-SNE of the codes; numbers as in the table below"),
    (charts.map_by_gender, "Users by gender", "the same map"),
    (charts.clusters_tried, "Number of clusters", "agreement with bootstraps, and how far apart clusters lie"),
)


def write_report(run: Path, out: Path, evaluations: Sequence[Results]) -> None:
    """Write the page about a run. Raises RunError where the folder is no complete run."""
    evidence = read_evidence(run)
    name = evidence.summary["recipe"]["name"]
    sections = [
        _head(evidence.summary),
        _tiles(evidence.summary),
        "<h2>Gender</h2>",
        f'<div class="charts">{_figures(_TELLING, evidence)}</div>',
        "<h2>Taste</h2>",
        f'<div class="charts wide">{_figures(_TASTE, evidence)}</div>',
        "<h2>Clusters</h2>",
        _clusters(evidence.clusters),
        "<h2>Beside baselines</h2>",
        baseline_table(evidence.summary),
    ]
    for evaluation in evaluations:
        sections += ["<h2>Compared on the same folds</h2>", comparison(evaluation, name)]
    sections += ["<h2>Recipe</h2>", recipe_table(evidence.summary)]
    template = Template(files("training.report").joinpath("page.html").read_text("utf-8"))
    page = template.substitute(
        title=escape(f"{name} on {evidence.summary['data']['users']:,} users"), body="\n".join(sections)
    )
    out.write_text(page, "utf-8")


def _head(summary: dict[str, Any]) -> str:
    data = summary["data"]
    return (
        f"<h1>{escape(summary['recipe']['name'])}</h1>"
        f'<p class="faint">{data["users"]:,} users, {data["songs"]:,} songs, {data["plays"]:,} plays '
        f"({escape(data['digest'][:19])}…), seed {summary['seed']}, {escape(summary['created'])}. All figures are "
        f"those of {summary['figures']['held_out']['users']:,} users whose gender the measured model did not learn "
        "from; its epochs, temperature and threshold were chosen on them. What is served was then trained on all.</p>"
    )


def _tiles(summary: dict[str, Any]) -> str:
    held, promise = summary["figures"]["held_out"], summary["calibration"]
    tiles = (
        (f"{held['auc']:.4f}", "AUC"),
        (f"{held['accuracy']:.1%}", f"accuracy; the majority rate is {held['majority']:.1%}"),
        (f"{held['log_loss']:.4f}", "log loss"),
        (f"{held['calibration_error']:.4f}", "calibration error"),
        (f"{held['recall_f']:.0%} / {held['recall_m']:.0%}", "recall f / m"),
        (f"{promise['coverage']:.0%}", f"get a label, {promise['precision']:.1%} of them right"),
        (f"{promise['min_known_songs']}", "known songs at least"),
    )
    return tile_row(tiles)


def tile_row(tiles: Sequence[tuple[str, str]]) -> str:
    """Figures that stand out, each with what it is."""
    return (
        '<div class="tiles">'
        + "".join(f'<div class="tile"><b>{a}</b><span>{b}</span></div>' for a, b in tiles)
        + "</div>"
    )


def _figures(drawn: Sequence[tuple[Callable[[Evidence], str], str, str]], evidence: Evidence) -> str:
    return "\n".join(
        f"<figure><figcaption>{title}<span>{says}</span></figcaption>{draw(evidence)}</figure>"
        for draw, title, says in drawn
    )


def _clusters(clusters: list[dict[str, Any]]) -> str:
    rows = []
    for one in clusters:
        songs = "".join(f"<span>{escape(song['title'])} <i>x {song['lift']:.1f}</i></span>" for song in one["songs"])
        colour = CLUSTER_COLOURS[one["id"] % len(CLUSTER_COLOURS)]
        dot = f'<span class="dot" style="background:{colour}"></span>'
        rows.append(
            f'<tr><td class="number">{dot}{one["id"]}</td><td>{escape(one["name"])}</td>'
            f'<td class="number">{one["size"]:.1%}</td><td class="songs">{songs}</td></tr>'
        )
    head = '<tr><th class="number"></th><th>name</th><th class="number">users</th><th>typical songs, by lift</th></tr>'
    return f'<div class="card"><table>{head}{"".join(rows)}</table></div>'


def recipe_table(summary: dict[str, Any]) -> str:
    """Every parameter of the recipe, and what the run was made with."""
    pairs = {**summary["recipe"], **{f"version of {name}": version for name, version in summary["versions"].items()}}
    rows = "".join(f"<tr><th>{escape(key)}</th><td>{escape(str(value))}</td></tr>" for key, value in pairs.items())
    return f'<div class="card"><table>{rows}</table></div>'
