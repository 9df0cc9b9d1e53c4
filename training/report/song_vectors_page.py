"""The page about a run of song vectors; nothing in it needs a network."""

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from training.evaluate import Results
from training.evaluate_song_vectors import vector_rows, vector_words
from training.fit_song_vectors import purity_sentence
from training.report import charts
from training.report.name_map import name_map
from training.report.page import recipe_table, tile_row
from training.report.style import CLUSTER_COLOURS
from training.report.vector_evidence import VectorEvidence, read_vector_evidence


def write_report(run: Path, out: Path, evaluations: Sequence[Results]) -> None:
    """Write the page about a run. Raises RunError where the folder is no complete run of song vectors."""
    evidence = read_vector_evidence(run)
    name = evidence.summary["recipe"]["name"]
    sections = [
        _head(evidence),
        _tiles(evidence),
        "<h2>Maps</h2>",
        f'<div class="charts wide">{_charts(evidence)}</div>',
        _names(evidence),
        "<h2>Clusters</h2>",
        _clusters(evidence),
        "<h2>Nearest</h2>",
        _neighbours(evidence),
    ]
    for evaluation in evaluations:
        sections += ["<h2>Compared on the same held-out co-occurrences</h2>", _comparison(evaluation, name)]
    sections += ["<h2>Recipe</h2>", recipe_table(evidence.summary)]
    template = Template(files("training.report").joinpath("page.html").read_text("utf-8"))
    title = escape(f"{name}: {len(evidence.run.vectors):,} vectors")
    out.write_text(template.substitute(title=title, body="\n".join(sections)), "utf-8")


def _head(evidence: VectorEvidence) -> str:
    summary = evidence.summary
    facts = dict(summary["data"])
    digest = str(facts.pop("digest"))[:19]
    counts = ", ".join(f"{count:,} {what}" for what, count in facts.items())
    held = summary["figures"]["held_out"]
    purity = f" {escape(purity_sentence(held, summary['recipe']))}." if "genre_purity" in held else ""
    return (
        f"<h1>{escape(summary['recipe']['name'])}</h1>"
        f'<p class="faint">{counts} ({escape(digest)}…), seed {summary["seed"]}, {escape(summary["created"])}. '
        "Figures are those of vectors learnt without a fifth of the data, measured on pairs drawn from that fifth: is "
        "the second song of the pair among the ten nearest to the first? The vectors shown were then learnt from all."
        f"{purity}</p>"
    )


def _tiles(evidence: VectorEvidence) -> str:
    held = evidence.summary["figures"]["held_out"]
    return tile_row(
        (
            (f"{held['hit_rate']:.4f}", "hit rate at 10"),
            (f"{held['popular']:.4f}", "hit rate of the ten most popular"),
            (f"{held['ceiling']:.4f}", "the most that any ten per song can reach"),
            (f"{held['ndcg']:.4f}", "NDCG at 10"),
            (f"{held['mrr']:.4f}", "MRR at 10"),
            (f"{evidence.run.vectors.shape[1]}", "numbers in a vector"),
        )
    )


def _charts(evidence: VectorEvidence) -> str:
    shown = int(np.count_nonzero(~np.isnan(evidence.places[:, 0])))
    drawn = [(charts.map_by_cluster(evidence), "By cluster", f"t-SNE of the {shown:,} best known; numbers as below")]
    if evidence.history:
        drawn.append((charts.learning_curves(evidence), "Learning curve", "loss of a pair by epoch"))
    return "".join(
        f"<figure><figcaption>{title}<span>{says}</span></figcaption>{svg}</figure>" for svg, title, says in drawn
    )


def _names(evidence: VectorEvidence) -> str:
    return (
        f"<p></p><figure><figcaption>The {len(evidence.names)} best known names<span>t-SNE of their vectors alone, "
        f"coloured by cluster; names are pushed apart to be read</span></figcaption>{name_map(evidence.names)}</figure>"
    )


def _clusters(evidence: VectorEvidence) -> str:
    rows = []
    for one in evidence.clusters:
        colour = CLUSTER_COLOURS[one.number % len(CLUSTER_COLOURS)]
        songs = "".join(f"<span>{escape(song)}</span>" for song in one.songs)
        rows.append(
            f'<tr><td class="number"><span class="dot" style="background:{colour}"></span>{one.number}</td>'
            f'<td class="number">{one.size:.1%}</td><td>{escape(one.genre)}</td><td class="songs">{songs}</td></tr>'
        )
    head = "<tr><th></th><th>songs</th><th>commonest genre</th><th>well-known ones at its middle</th></tr>"
    return f'<div class="card"><table>{head}{"".join(rows)}</table></div>'


def _neighbours(evidence: VectorEvidence) -> str:
    rows = "".join(
        f'<tr><td>{escape(song)}</td><td class="songs">'
        + "".join(f"<span>{escape(other)}</span>" for other in others)
        + "</td></tr>"
        for song, others in evidence.neighbours
    )
    return f'<div class="card"><table><tr><th>best known</th><th>nearest to it</th></tr>{rows}</table></div>'


def _comparison(results: Results, name: str) -> str:
    reference = name if name in results["recipes"] else next(iter(results["recipes"]))
    head, *rows = vector_rows(results, reference)
    heads = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = "".join(
        f'<tr class="{"ours" if row[0] == name else ""}">'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    words = escape(" ".join(vector_words(results, reference)))
    return f'<p class="faint">{words}</p><div class="card"><table><tr>{heads}</tr>{lines}</table></div>'
