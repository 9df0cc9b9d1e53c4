"""Baseline: positive pointwise mutual information of co-occurrences, and its truncated SVD."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

from training.models.ranges import Count, NotNegative, Positive
from training.serving import Floats
from training.song_vectors.contexts import Contexts
from training.song_vectors.corpus import ContextKind
from training.watch import Watch

POWER_ITERATIONS = 4


@dataclass(frozen=True)
class PpmiSvd:
    """Vectors are U S^eigenvalue_exponent; a partner's share counts with the power `smoothing`."""

    contexts: ContextKind
    units: Count = 64
    smoothing: float = 0.75
    shift: Positive = 1.0
    eigenvalue_exponent: NotNegative = 0.5
    # How much less the pairs of long playlists count: see Contexts.faded.
    fading: NotNegative = 0.0

    def fit(self, contexts: Contexts, features: Floats, seed: int, watch: Watch) -> Floats:  # noqa: ARG002
        """Deterministic but for the seed of the randomised SVD."""
        counts = sparse.coo_array(contexts.faded(self.fading).counts())
        share = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
        present = share > 0
        partner = np.zeros_like(share)
        partner[present] = share[present] ** self.smoothing
        partner /= partner.sum()
        information = np.log(counts.data / (share[counts.row] * partner[counts.col])) - np.log(self.shift)
        kept = information > 0
        positive = sparse.csr_array(
            (information[kept], (counts.row[kept], counts.col[kept])), shape=counts.shape, dtype=np.float32
        )
        rank = min(self.units, counts.shape[0])
        left, values, _ = randomized_svd(positive, rank, n_iter=POWER_ITERATIONS, random_state=seed)
        vectors: Floats = (left * values**self.eigenvalue_exponent).astype(np.float32)
        vectors[~present] = 0
        return vectors
