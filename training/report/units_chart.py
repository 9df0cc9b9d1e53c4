"""How small the served table may be: AUC against its units, over recipes of an evaluation that differ in them alone."""

from typing import Any

from matplotlib.ticker import NullLocator

from training.evaluate import Results, figure
from training.report.style import BLUE, chart, to_svg

MODEL = "songprint"
UNITS = ("units", "taste_units")
"""The parameters of that model which add up to the columns of the table."""


def variants_of_units(results: Results) -> dict[int, str]:
    """Columns of the table → recipe, in rising order: the first recipe of that model and those that are like it."""
    variants: dict[int, str] = {}
    like: dict[str, Any] | None = None
    for name, stored in results["recipes"].items():
        recipe = stored["recipe"]
        if recipe["model"] != MODEL:
            continue
        others = {key: value for key, value in recipe.items() if key not in {"name", *UNITS}}
        like = others if like is None else like
        if others == like:
            variants.setdefault(sum(recipe[key] for key in UNITS), name)
    return dict(sorted(variants.items()))


def auc_by_units(results: Results, variants: dict[int, str]) -> str:
    """Mean and deviation over folds of each of `variants_of_units`, as an inline <svg>."""
    drawing, axes = chart()
    units = list(variants)
    measured = [figure(results, name, "auc") for name in variants.values()]
    means = [float(values.mean()) for values in measured]
    spread = [float(values.std(ddof=1)) if len(values) > 1 else 0.0 for values in measured]
    axes.errorbar(units, means, yerr=spread, fmt="o-", color=BLUE, ecolor=BLUE, elinewidth=1, capsize=3)
    for x, y in zip(units, means, strict=True):
        axes.annotate(f"{y:.4f}", (x, y), xytext=(4, 6), textcoords="offset points", fontsize=8)
    axes.set_xscale("log", base=2)
    axes.set_xticks(units, [f"{count}" for count in units])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.margins(x=0.12, y=0.2)
    axes.set_xlabel("units")
    axes.set_ylabel("AUC")
    return to_svg(drawing)
