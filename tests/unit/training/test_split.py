"""Users set aside are never learnt from, and every split keeps the genders' shares."""

import numpy as np

from training.datasets.split import hold_out, repeated_folds

GENDER = np.array([0] * 40 + [1] * 60 + [-1] * 25, dtype=np.int8)


def test_holds_out_a_share_of_each_gender_and_nobody_unknown() -> None:
    learn, held = hold_out(GENDER, 0.2, seed=5)
    assert np.bincount(GENDER[held]).tolist() == [8, 12]
    assert sorted([*learn, *held]) == list(range(125))
    assert np.array_equal(hold_out(GENDER, 0.2, seed=5)[1], held)
    assert not np.array_equal(hold_out(GENDER, 0.2, seed=6)[1], held)


def test_folds_test_everybody_once_per_repeat() -> None:
    folds = repeated_folds(GENDER, folds=4, repeats=2, seed=0)
    assert len(folds) == 8
    for learn, test in folds:
        assert not set(learn) & set(test)
        assert set(range(100, 125)) <= set(learn)
        assert np.bincount(GENDER[test]).tolist() == [10, 15]
    for repeat in (folds[:4], folds[4:]):
        assert sorted(np.concatenate([test for _, test in repeat])) == list(range(100))
