"""A map of users in two dimensions on which similar codes lie close together."""

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from training.serving import Floats

MAX_USERS = 1_000
ITERATIONS = 500


def map_users(codes: Floats, seed: int) -> NDArray[np.float64]:
    """float64 [users, 2] by t-SNE; NaN for users beyond the first MAX_USERS of a random order."""
    places = np.full((len(codes), 2), np.nan)
    shown = np.sort(np.random.default_rng(seed).permutation(len(codes))[:MAX_USERS])
    if len(shown) > 3:
        perplexity = min(30.0, (len(shown) - 1) / 3)
        tsne = TSNE(
            perplexity=perplexity,
            init="pca" if codes.shape[1] > 1 else "random",
            max_iter=ITERATIONS,
            random_state=seed,
        )
        # Few points are mapped quicker on one thread than on several.
        with threadpool_limits(1):
            places[shown] = tsne.fit_transform(codes[shown])
    return places
