"""A map with names on it, written as SVG by hand: the page's own fonts draw the names, whatever their script."""

import unicodedata
from html import escape

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training.report.style import CLUSTER_COLOURS

WIDTH, HEIGHT, MARGIN = 1_600, 1_250, 20
SIZE = 12
"""Of the letters, in the map's own units; the page shows it about three quarters as large, or scrolls."""

LINE = SIZE * 1.15
LONGEST = 26
ROUNDS = 400


def name_map(names: pa.Table) -> str:
    """An inline <svg> of a table of name, occurrences, cluster, map_x and map_y; names are pushed apart to be read."""
    texts = [shorten(text) for text in names["name"].to_pylist()]
    clusters = names["cluster"].to_pylist()
    sizes = np.array([(text_width(text), LINE) for text in texts])
    start = _on_page(np.column_stack([names["map_x"].to_numpy(), names["map_y"].to_numpy()]))
    centres = spread(start, sizes)
    marks = []
    for text, full, cluster, (x, y), (from_x, from_y) in zip(
        texts, names["name"].to_pylist(), clusters, centres, start, strict=True
    ):
        colour = CLUSTER_COLOURS[cluster % len(CLUSTER_COLOURS)]
        marks.append(
            f'<line x1="{from_x:.0f}" y1="{from_y:.0f}" x2="{x:.0f}" y2="{y:.0f}" stroke="{colour}" opacity=".35"/>'
            f'<text x="{x:.1f}" y="{y + SIZE * 0.35:.1f}" fill="{colour}"><title>{escape(full)}</title>'
            f"{escape(text)}</text>"
        )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-size="{SIZE}" '
        f'text-anchor="middle" font-weight="600">{"".join(marks)}</svg>'
    )


def shorten(text: str) -> str:
    """At most LONGEST characters."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1].rstrip()}…"


def text_width(text: str) -> float:
    """About how wide a text is: a letter is six tenths as wide as high, one of East Asia as wide as high."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return SIZE * (0.62 * (len(text) - wide) + wide) + 4


def spread(centres: NDArray[np.float64], sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64 [boxes, 2]: centres near the given ones such that boxes of these sizes do not overlap.

    Boxes that overlap push each other apart along the axis on which the least is needed, again and again; where there
    is no room for all, some overlap remains after ROUNDS.
    """
    placed = centres.copy()
    need = (sizes[:, None] + sizes[None]) / 2
    low, high = MARGIN + sizes / 2, np.array([WIDTH, HEIGHT]) - MARGIN - sizes / 2
    # Boxes on one spot have to know which way to go.
    order = np.sign(np.arange(len(sizes))[:, None] - np.arange(len(sizes))[None])
    for _ in range(ROUNDS):
        apart = placed[:, None] - placed[None]
        overlap = need - np.abs(apart)
        touching: NDArray[np.bool_] = (overlap[..., 0] > 0) & (overlap[..., 1] > 0)
        np.fill_diagonal(touching, False)
        if not touching.any():
            break
        # Names are wide and low: going up or down is nearly always the shorter way.
        sideways = overlap[..., 0] < overlap[..., 1]
        axis = np.stack([sideways, ~sideways], axis=2) & touching[..., None]
        away = np.where(apart == 0, order[..., None], np.sign(apart))
        push = (axis * away * overlap).sum(axis=1) / np.maximum(axis.sum(axis=1), 1)
        placed = np.clip(placed + 0.55 * push, low, high)
    return placed


def _on_page(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stretched to fill the map; each axis by rank in half, so that crowds thin out and order is kept."""
    room = np.array([WIDTH, HEIGHT]) - 2.0 * MARGIN
    spread_out = places - places.min(axis=0)
    straight = spread_out / np.maximum(spread_out.max(axis=0), 1e-9)
    rank = places.argsort(axis=0).argsort(axis=0) / max(len(places) - 1, 1)
    on_page: NDArray[np.float64] = MARGIN + room * (straight + rank) / 2
    return on_page
