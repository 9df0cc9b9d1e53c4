"""Is one recipe better than another on the same folds?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats


@dataclass(frozen=True)
class PairedTest:
    """`difference` is the mean over folds, `p` two-sided."""

    difference: float
    deviation: float
    p: float
    folds: int


def corrected_t_test(differences: NDArray[np.float64], test_share: float) -> PairedTest:
    """Nadeau and Bengio's corrected t-test: folds share training users, so their differences are not independent.

    `differences` are [folds]; `test_share` is the size of a test part over that of its training part.
    """
    folds = len(differences)
    mean = float(differences.mean())
    if folds < 2:
        return PairedTest(mean, 0.0, 1.0, folds)
    variance = float(differences.var(ddof=1))
    if variance == 0:
        return PairedTest(mean, 0.0, 1.0 if mean == 0 else 0.0, folds)
    t = mean / np.sqrt((1 / folds + test_share) * variance)
    return PairedTest(mean, float(np.sqrt(variance)), float(2 * stats.t.sf(abs(t), folds - 1)), folds)
