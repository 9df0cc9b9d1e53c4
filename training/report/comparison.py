"""This run beside others: baselines on the same held-out users, and recipes on the same folds."""

from collections.abc import Sequence
from html import escape
from typing import Any

from training.baselines import FIGURES
from training.evaluate import Results, compare, figure
from training.report.units_chart import auc_by_units, variants_of_units

HEADINGS = {"auc": "AUC", "accuracy": "accuracy", "log_loss": "log loss", "calibration_error": "calibration error"}


def baseline_table(summary: dict[str, Any]) -> str:
    """The run's figures and those of recipes without an encoder, on the users that were held out of this run."""
    name, figures = summary["recipe"]["name"], summary["figures"]
    measured = {name: figures["held_out"], **figures.get("baselines", {})}
    rows = [
        (other, other == name, [f"{of[key]:.4f}" for key in FIGURES])
        for other, of in sorted(measured.items(), key=lambda item: -float(item[1]["auc"]))
    ]
    says = "The users that this run held out, once: evaluate says on several folds whether a difference is one."
    return _table(says, tuple(HEADINGS[key] for key in FIGURES), rows)


def comparison(results: Results, name: str) -> str:
    """Every evaluated recipe; the corrected paired test compares with this run's where it was evaluated too."""
    tests = compare(results, name) if name in results["recipes"] else {}
    rows = []
    for other in sorted(results["recipes"], key=lambda one: -float(figure(results, one, "auc").mean())):
        test = tests.get(other)
        cells = [f"{figure(results, other, key).mean():.4f}" for key in HEADINGS]
        cells += [f"{test['difference']:+.4f}", f"{test['p']:.4f}"] if test else ["", ""]
        rows.append((other, other == name, cells))
    plan = results["plan"]
    says = f"{plan['repeats']} x {plan['folds']} folds; the test of the AUC is corrected for folds that share users."
    return _table(says, (*HEADINGS.values(), f"{escape(name)} better by", "p"), rows) + _units(results)


def _units(results: Results) -> str:
    """The chart of AUC against units, where the evaluation has recipes that differ in nothing else."""
    variants = variants_of_units(results)
    if len(variants) < 2:
        return ""
    title = "AUC by units<span>of the served table: fewer serve faster; one deviation over folds</span>"
    drawn = f"<figure><figcaption>{title}</figcaption>{auc_by_units(results, variants)}</figure>"
    return f'<div class="charts" style="margin-top: 16px">{drawn}</div>'


def _table(says: str, headings: Sequence[str], rows: Sequence[tuple[str, bool, list[str]]]) -> str:
    """A row is a recipe's name, whether it is this run's, and its figures."""
    head = "<tr><th>recipe</th>" + "".join(f'<th class="number">{heading}</th>' for heading in headings) + "</tr>"
    body = ""
    for name, ours, cells in rows:
        numbers = "".join(f'<td class="number">{cell}</td>' for cell in cells)
        body += f'<tr class="{"ours" if ours else ""}"><td>{escape(name)}</td>{numbers}</tr>'
    return f'<p class="faint">{says}</p><div class="card"><table>{head}{body}</table></div>'
