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
TRIED_AT_ONCE = 1_000


def name_map(names: pa.Table) -> str:
    """An inline <svg> of a table of name, known, cluster, map_x and map_y; names make room for each other."""
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
    """float64 [boxes, 2]: for each box the free place nearest to its centre, in the order given, so the first stay.

    A box for which there is no room on the page stays where it is, over others.
    """
    offsets = _nearest_first()
    placed = centres.copy()
    for number, (centre, size) in enumerate(zip(centres, sizes, strict=True)):
        need = (sizes[:number] + size) / 2
        for start in range(0, len(offsets), TRIED_AT_ONCE):
            tried = centre + offsets[start : start + TRIED_AT_ONCE]
            inside = ((tried >= size / 2) & (tried <= np.array([WIDTH, HEIGHT]) - size / 2)).all(axis=1)
            apart = np.abs(tried[:, None] - placed[:number])
            free = inside & (apart >= need).any(axis=2).all(axis=1)
            if free.any():
                placed[number] = tried[free.argmax()]
                break
    return placed


def _nearest_first() -> NDArray[np.float64]:
    """float64 [places, 2]: a grid as large as the page in every direction, what is near before what is far."""
    across, down = np.meshgrid(np.arange(-WIDTH, WIDTH + 1, 10.0), np.arange(-HEIGHT, HEIGHT + 1, LINE / 2))
    grid = np.column_stack([across.ravel(), down.ravel()])
    nearest: NDArray[np.float64] = grid[np.argsort((grid**2).sum(axis=1), kind="stable")]
    return nearest


def _on_page(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Stretched to fill the map; each axis by rank in half, so that crowds thin out and order is kept."""
    room = np.array([WIDTH, HEIGHT]) - 2.0 * MARGIN
    spread_out = places - places.min(axis=0)
    straight = spread_out / np.maximum(spread_out.max(axis=0), 1e-9)
    rank = places.argsort(axis=0).argsort(axis=0) / max(len(places) - 1, 1)
    on_page: NDArray[np.float64] = MARGIN + room * (straight + rank) / 2
    return on_page
