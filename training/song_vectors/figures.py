"""How well vectors foretell co-occurrences that were held out.

A pair of songs (query, target) is drawn from the held-out part. The hit rate at 10 is the chance that the target is
among the ten songs nearest to the query. It is not estimated by drawing: all pairs are counted with their chances.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.datasets.playlists import Sparse
from training.serving import Floats
from training.song_vectors.contexts import HeldOut
from training.song_vectors.neighbours import BLOCK, greatest, nearest

NEAREST = 10


def held_out_figures(vectors: Floats, held: HeldOut) -> dict[str, float]:
    """`hit_rate`, and `ndcg` and `mrr`, which give less for a target further down; 0 beyond the tenth."""
    chance = _chances(held.chance, nearest(vectors, NEAREST, held.told))
    rank = np.arange(1, chance.shape[1] + 1)
    return {
        "hit_rate": float(chance.sum()),
        "ndcg": float((chance / np.log2(rank + 1)).sum()),
        "mrr": float((chance / rank).sum()),
    }


def yardsticks(frequency: NDArray[np.int64], held: HeldOut) -> dict[str, float]:
    """Hit rates that need no vectors: of the ten most popular songs, and the highest that any ten per query have."""
    popular, ceiling = 0.0, 0.0
    for start in range(0, len(frequency), BLOCK):
        drawn = held.chance[start : start + BLOCK].toarray()
        score = np.tile(frequency.astype(np.float64), (len(drawn), 1))
        score[np.arange(len(drawn)), start + np.arange(len(drawn))] = -1
        if held.told is not None:
            score[held.told[start : start + BLOCK].nonzero()] = -1
        count = min(NEAREST, len(frequency) - 1)
        popular += float(np.take_along_axis(drawn, greatest(score, count), axis=1).sum())
        ceiling += float(np.take_along_axis(drawn, greatest(drawn, count), axis=1).sum())
    return {"popular": popular, "ceiling": ceiling}


def genre_purity(vectors: Floats, genre: NDArray[np.object_]) -> dict[str, float]:
    """The share of the ten nearest that have the query's genre, and of all songs; nothing where genres are unknown."""
    known = np.flatnonzero(genre != "")
    if len(known) <= NEAREST or len(set(genre[known])) < 2:
        return {}
    names, codes = np.unique(genre[known].astype(str), return_inverse=True)
    share = np.bincount(codes, minlength=len(names)) / len(codes)
    same = codes[nearest(vectors[known], NEAREST)] == codes[:, None]
    return {"genre_purity": float(same.mean()), "genre_chance": float((share**2).sum())}


def _chances(chance: Sparse, found: NDArray[np.intp]) -> NDArray[np.float64]:
    """float64 [songs, count]: the chance that (row, found) is the pair that is drawn."""
    rows = np.repeat(np.arange(found.shape[0]), found.shape[1])
    marked = sparse.csr_array(chance)[rows, found.ravel()]
    values: NDArray[np.float64] = np.asarray(marked, dtype=np.float64).reshape(found.shape)
    return values
