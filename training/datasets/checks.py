"""What a data set must have before any training starts."""

from itertools import pairwise

import numpy as np

from training.datasets.playlists import GENDERS, Playlists
from training.errors import DataError

MIN_USERS_PER_GENDER = 10


def require_both_genders(playlists: Playlists) -> None:
    """Raises DataError unless enough users of each gender are labelled to learn from and to hold some out."""
    counts = np.bincount(playlists.gender[playlists.labelled], minlength=len(GENDERS))
    if counts.min() < MIN_USERS_PER_GENDER:
        found = ", ".join(f"{count} {name}" for name, count in zip(GENDERS, counts, strict=True))
        raise DataError(
            f"the data has {found} among its users with songs, but at least {MIN_USERS_PER_GENDER} of each gender are "
            "needed to train and to measure; add users, or fill in the gender column of the users table"
        )


def require_folds(playlists: Playlists, folds: int) -> None:
    """Raises DataError unless each of `folds` parts can hold users of each gender, and the rest train."""
    require_both_genders(playlists)
    fewest = int(np.bincount(playlists.gender[playlists.labelled], minlength=len(GENDERS)).min())
    if folds > fewest // 2:
        raise DataError(
            f"{folds} folds need at least {2 * folds} users of each gender, and the smaller class has {fewest}; "
            f"use --folds {max(2, fewest // 2)} or fewer, or add users"
        )


def require_different_playlists(playlists: Playlists, least: int) -> None:
    """Raises DataError where fewer than `least` playlists differ: no model could tell more users than that apart."""
    matrix, different = playlists.matrix, set()
    for start, end in pairwise(matrix.indptr):
        different.add(matrix.indices[start:end].tobytes())
        if len(different) == least:
            return
    raise DataError(
        f"the users have only {len(different)} different playlists among them, and clusters of taste need at least "
        f"{least}; add users or plays"
    )
