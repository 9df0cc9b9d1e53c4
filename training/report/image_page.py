"""The page about a run of images; nothing in it needs a network."""

from collections.abc import Callable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

from training.evaluate import Results
from training.evaluate_images import seed_rows, table_words
from training.report import charts, image_charts
from training.report.image_evidence import ImageEvidence, read_image_evidence
from training.report.page import recipe_table, tile_row
from training.report.style import CLUSTER_COLOURS

Chart = tuple[Callable[[ImageEvidence], str], str, str]


def write_report(run: Path, out: Path, evaluations: Sequence[Results]) -> None:
    """Write the page about a run. Raises RunError where the folder is no complete run."""
    evidence = read_image_evidence(run)
    name = evidence.summary["recipe"]["name"]
    sections = [
        _head(evidence),
        _tiles(evidence),
        "<h2>Training</h2>",
        f'<div class="charts">{_drawn(_training(evidence), evidence)}</div>',
        "<h2>Clusters</h2>",
        f'<div class="charts wide">{_drawn(_found(evidence), evidence)}</div>',
        _clusters(evidence),
        "<h2>Strangest images</h2>",
        f'<p class="faint">Those of the greatest reconstruction error, which is an anomaly score.</p>'
        f'<div class="card">{image_charts.strip(evidence.strange)}</div>',
    ]
    for evaluation in evaluations:
        sections += ["<h2>Compared over several seeds</h2>", _comparison(evaluation, name)]
    sections += ["<h2>Recipe</h2>", recipe_table(evidence.summary)]
    template = Template(files("training.report").joinpath("page.html").read_text("utf-8"))
    title = escape(f"{name} on {evidence.summary['data']['images']:,} images")
    out.write_text(template.substitute(title=title, body="\n".join(sections)), "utf-8")


def _training(evidence: ImageEvidence) -> list[Chart]:
    shown: list[Chart] = [
        (charts.learning_curves, "Learning curves", "loss by epoch, and by target while clustering"),
        (image_charts.errors, "Reconstruction", "the anomaly score of all images"),
    ]
    if any("changed" in epoch for epoch in evidence.history):
        shown.append((image_charts.changes, "Changes", "images that changed their cluster between two targets"))
    return shown


def _found(evidence: ImageEvidence) -> list[Chart]:
    shown: list[Chart] = [
        (charts.map_by_cluster, "Images by cluster", "t-SNE of the codes; numbers as in the table below")
    ]
    if evidence.labelled:
        shown += [
            (image_charts.map_by_label, "Images by label", "the same map"),
            (image_charts.confusion, "Confusion", "clusters stand under the label that they match"),
        ]
    return shown


def _drawn(drawn: Sequence[Chart], evidence: ImageEvidence) -> str:
    return "\n".join(
        f"<figure><figcaption>{title}<span>{says}</span></figcaption>{draw(evidence)}</figure>"
        for draw, title, says in drawn
    )


def _head(evidence: ImageEvidence) -> str:
    summary = evidence.summary
    data = summary["data"]
    measured = "labels were used to measure, and for nothing else" if evidence.labelled else "there are no labels"
    return (
        f"<h1>{escape(summary['recipe']['name'])}</h1>"
        f'<p class="faint">{data["images"]:,} images of {" x ".join(map(str, data["shape"]))} '
        f"({escape(data['digest'][:19])}…), seed {summary['seed']}, {escape(summary['created'])}. All figures are "
        f"those of the images that were learnt from; {measured}. This is one seed: another may do better or worse.</p>"
    )


def _tiles(evidence: ImageEvidence) -> str:
    figures = evidence.summary["figures"]
    tiles = [(f"{len(evidence.clusters)}", "clusters"), (f"{figures['silhouette']:.3f}", "silhouette of the codes")]
    if evidence.labelled:
        tiles = [
            (f"{figures['accuracy']:.2%}", "accuracy under the best match"),
            (f"{figures['nmi']:.4f}", "normalised mutual information"),
            (f"{figures['ari']:.4f}", "adjusted Rand index"),
            *tiles,
        ]
    if "start_accuracy" in figures:
        tiles.append((f"{figures['start_accuracy']:.2%}", "accuracy of the clusters it started from"))
    return tile_row(tiles)


def _clusters(evidence: ImageEvidence) -> str:
    rows = []
    for one, images in zip(evidence.clusters, evidence.typical, strict=True):
        colour = CLUSTER_COLOURS[one["id"] % len(CLUSTER_COLOURS)]
        dot = f'<span class="dot" style="background:{colour}"></span>'
        rows.append(
            f'<tr><td class="number">{dot}{one["id"]}</td><td>{escape(one["label"])}</td>'
            f'<td class="number">{one["size"]:.1%}</td><td>{image_charts.strip(images)}</td></tr>'
        )
    head = '<tr><th class="number"></th><th>label</th><th class="number">images</th><th>surest images</th></tr>'
    return f'<div class="card"><table>{head}{"".join(rows)}</table></div>'


def _comparison(results: Results, name: str) -> str:
    head, *rows = seed_rows(results)
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join(
        f'<tr class="{"ours" if row[0] == name else ""}">'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    return (
        f'<p class="faint">{escape(table_words(results).capitalize())}.</p>'
        f'<div class="card"><table><tr>{heads}</tr>{lines}</table></div>'
    )
