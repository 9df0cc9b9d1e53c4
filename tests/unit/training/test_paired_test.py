"""The corrected t-test: the plain one where nothing overlaps, and more careful where folds do."""

import numpy as np
import pytest
from scipy import stats

from training.paired_test import corrected_t_test

DIFFERENCES = np.array([0.02, 0.01, 0.03, -0.005, 0.015])


def test_without_overlap_it_is_the_plain_test() -> None:
    test = corrected_t_test(DIFFERENCES, test_share=0.0)
    assert test.p == pytest.approx(stats.ttest_1samp(DIFFERENCES, 0).pvalue)
    assert (test.difference, test.folds) == (pytest.approx(0.014), 5)


def test_overlap_widens_the_error() -> None:
    t = DIFFERENCES.mean() / np.sqrt((1 / 5 + 1 / 4) * DIFFERENCES.var(ddof=1))
    assert corrected_t_test(DIFFERENCES, 1 / 4).p == pytest.approx(2 * stats.t.sf(t, 4))


def test_one_fold_or_no_difference_proves_nothing() -> None:
    assert corrected_t_test(np.array([0.1]), 0.25).p == 1.0
    assert corrected_t_test(np.zeros(5), 0.25).p == 1.0
