"""How charts look, and how they get into a page."""

import io
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, FAINT, GRID = "#1f2933", "#7b8794", "#e4e7eb"
BLUE, ORANGE = "#2f6db3", "#e07a3f"
GENDER_COLOURS = {"f": ORANGE, "m": BLUE}
CLUSTER_COLOURS = (
    "#2f6db3", "#e07a3f", "#3f9b6a", "#b0457b", "#8a6bbf", "#c9a227",
    "#2aa7b5", "#8c5a3c", "#d1495b", "#6b7d2a", "#5b6b7b", "#a06cd5",
)  # fmt: skip

_STYLE: Any = {
    # Text stays text: the page's own fonts draw it.
    "svg.fonttype": "none",
    "svg.hashsalt": "songprint",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": GRID,
    "axes.labelcolor": FAINT,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
}


def chart(width: float = 4.6, height: float = 3.4) -> tuple[Figure, Axes]:
    """An empty chart with a faint grid and no box around it."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots()
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=0)
    return figure, axes


def to_svg(figure: Figure) -> str:
    """The figure as an inline <svg> element that scales with its place; the same figure gives the same text."""
    text = io.StringIO()
    with rc_context(_STYLE):
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    return svg[svg.index("<svg") :]
