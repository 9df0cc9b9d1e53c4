"""Setting users aside: one stratified part, or folds."""

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import RepeatedStratifiedKFold, train_test_split

from training.datasets.playlists import UNKNOWN_GENDER

Rows = NDArray[np.intp]


def hold_out(gender: NDArray[np.int8], share: float, seed: int) -> tuple[Rows, Rows]:
    """Rows to learn from and rows held out: `share` of each gender. Users of unknown gender are never held out."""
    labelled = np.flatnonzero(gender != UNKNOWN_GENDER)
    _, held = train_test_split(labelled, test_size=share, stratify=gender[labelled], random_state=seed)
    held = np.sort(held)
    return np.setdiff1d(np.arange(len(gender)), held), held


def repeated_folds(gender: NDArray[np.int8], folds: int, repeats: int, seed: int) -> list[tuple[Rows, Rows]]:
    """(learn, test) rows of `repeats` times `folds` stratified folds; users of unknown gender always learn."""
    labelled = np.flatnonzero(gender != UNKNOWN_GENDER)
    unlabelled = np.flatnonzero(gender == UNKNOWN_GENDER)
    splitter = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    return [
        (np.sort(np.concatenate([labelled[learn], unlabelled])), labelled[test])
        for learn, test in splitter.split(labelled, gender[labelled])
    ]
