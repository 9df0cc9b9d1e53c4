"""Which artists critics describe alike: those of one genre whose mean scores are close."""

import numpy as np
from scipy import sparse

from training.datasets.playlists import Sparse
from training.datasets.reviews import Reviews

CLOSE = 0.05
"""The greatest difference between two mean scores (out of 10) that counts as close."""

MAX_LINKS = 200
"""An artist is linked to at most so many others, those of the closest scores."""


def link_artists(reviews: Reviews) -> Sparse:
    """float32 [artists, artists], symmetric, 1 where two are linked. An artist without a genre has no links."""
    rows, columns = [], []
    for genre in sorted(set(reviews.genre) - {""}):
        members = np.flatnonzero(reviews.genre == genre)
        members = members[np.argsort(reviews.score[members], kind="stable")]
        score = reviews.score[members]
        place = np.arange(len(members))
        # Scores are rounded means: what is written as .05 apart is close.
        last = np.searchsorted(score, score + CLOSE + 1e-9, side="right") - 1
        last = np.minimum(last, place + MAX_LINKS // 2)
        steps = last - place
        left = np.repeat(place, steps)
        right = left + 1 + np.arange(len(left)) - np.repeat(np.cumsum(steps) - steps, steps)
        rows.append(members[left])
        columns.append(members[right])
    row, column = (np.concatenate([*part, np.empty(0, dtype=np.intp)]).astype(np.intp) for part in (rows, columns))
    ones = np.ones(2 * len(row), dtype=np.float32)
    shape = (len(reviews.artists), len(reviews.artists))
    return sparse.csr_array((ones, (np.concatenate([row, column]), np.concatenate([column, row]))), shape=shape)
