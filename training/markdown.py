"""Tables as commands print them: Markdown that can be pasted and read as it is."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table whose first row is its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    ruled = [rows[0], ["-" * width for width in widths], *rows[1:]]
    return ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in ruled]


def mean_and_deviation(values: ArrayLike) -> str:
    """`mean ± deviation`, without a deviation where there is one value."""
    figures = np.asarray(values, np.float64)
    if len(figures) == 1:
        return f"{figures[0]:.4f}"
    return f"{figures.mean():.4f} ± {figures.std(ddof=1):.4f}"
