"""Draws dashboards from what their queries give, much as Grafana would."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from deploy.grafana.boards import DASHBOARDS
from deploy.grafana.panel import Panel, Query, Unit
from tests.deploy.prometheus_server import Prometheus, Series

COLUMNS = 4
INCHES = (3.7, 1.95)  # of a panel
HEADING = 0.45  # inches
DOTS = 80  # per inch
INK, PALE = "#22303c", "#d5dbe1"
COLOURS = ("#2f7ed8", "#e07b39", "#3a9d5d", "#b6447d", "#8a6fd1", "#c2a11d", "#4aa5b5", "#7d8790")
MOST_NAMES = 6
"""Of more series than this, only those that are not nought all the time are named."""


class Moment(NamedTuple):
    second: float
    what: str


def draw(server: Prometheus, start: float, end: float, moments: Sequence[Moment], target: Path) -> None:
    """One block of panels for each dashboard; `moments` are marked in every panel."""
    rows = _rows()
    plt.rcParams.update(
        {"font.size": 8, "text.color": INK, "axes.edgecolor": PALE, "xtick.color": INK, "ytick.color": INK}
    )
    figure = plt.figure(figsize=figure_inches(), layout="constrained")
    blocks = figure.subfigures(len(rows), 1, height_ratios=[INCHES[1] * count + HEADING for count in rows])
    for block, dashboard, count in zip(blocks, DASHBOARDS, rows, strict=True):
        block.suptitle(dashboard.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
        places = block.subplots(count, COLUMNS, squeeze=False).flat
        for panel, place in zip(dashboard.panels, places, strict=False):
            _draw_panel(place, panel, server, (start, end))
            for moment in moments:
                place.axvline(moment.second, color=INK, linewidth=0.6, linestyle=":")
        for place in places:  # those that are left over
            place.axis("off")
    figure.supxlabel("seconds; dotted: " + ", ".join(f"{what} at {second:g}" for second, what in moments), fontsize=9)
    figure.savefig(target, dpi=DOTS, pil_kwargs={"optimize": True})
    plt.close(figure)


def figure_inches() -> tuple[float, float]:
    """Width and height of the whole picture."""
    rows = _rows()
    return INCHES[0] * COLUMNS, INCHES[1] * sum(rows) + HEADING * len(rows)


def _rows() -> list[int]:
    """How many rows of panels each dashboard takes."""
    return [math.ceil(len(dashboard.panels) / COLUMNS) for dashboard in DASHBOARDS]


def _draw_panel(place: Axes, panel: Panel, server: Prometheus, span: tuple[float, float]) -> None:
    found = [
        (name_of(query, series), series) for query in panel.queries for series in server.range(query.expression, *span)
    ]
    loud = [(name, series) for name, series in found if any(value for _, value in series.points)]
    shown = loud if len(found) > MOST_NAMES and loud else found
    seconds = sorted({moment for _, series in shown for moment, _ in series.points})
    below = [0.0] * len(seconds)
    for number, (name, series) in enumerate(shown):
        values = {moment: value * SCALE.get(panel.unit, 1) for moment, value in series.points}
        height = [values.get(moment, math.nan) for moment in seconds]
        times = [moment - span[0] for moment in seconds]
        colour = COLOURS[number % len(COLOURS)]
        if panel.stacked:
            height = [base + (0 if math.isnan(value) else value) for base, value in zip(below, height, strict=True)]
            place.fill_between(times, below, height, color=colour, alpha=0.35, linewidth=0)
            below = height
        place.plot(times, height, linewidth=1.1, color=colour, label=name)
    _dress(place, panel)


def _dress(place: Axes, panel: Panel) -> None:
    place.set_title(panel.title, fontsize=9, loc="left")
    place.set_ylim(0, max(place.get_ylim()[1], 1e-9) * 1.45)  # room for the names
    place.spines[["top", "right", "left"]].set_visible(False)
    place.grid(axis="y", color=PALE, linewidth=0.6)
    place.yaxis.set_major_locator(FixedLocator([0, 0.5, 1]) if panel.unit == "percentunit" else MaxNLocator(4))
    place.yaxis.set_major_formatter(FuncFormatter(lambda value, _: FORMATS[panel.unit](value)))
    place.tick_params(labelsize=7, length=0)
    place.legend(fontsize=6.5, loc="upper left", frameon=False, ncols=3, handlelength=1, columnspacing=1, borderpad=0)


FORMATS: dict[Unit, Callable[[float], str]] = {
    "short": lambda value: f"{value:,g}",
    "s": lambda value: f"{value:,g} s" if value == 0 or value >= 1 else f"{value * 1000:g} ms",
    "bytes": lambda value: f"{value:,g} MiB",
    "percentunit": lambda value: f"{value:.0%}",
    "eps": lambda value: f"{value:,g}/s",
    "reqps": lambda value: f"{value:,g}/s",
    "cps": lambda value: f"{value:,g}/s",
}


SCALE: dict[Unit, float] = {"bytes": 2**-20}
"""Before an axis is divided, so that its marks are round in the unit that is shown."""


def name_of(query: Query, series: Series) -> str:
    """What stands at its line."""
    legend = query.legend
    for label, value in series.labels.items():
        legend = legend.replace(f"{{{{{label}}}}}", value)
    return legend
