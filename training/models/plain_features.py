"""Baseline: what is known of a song by itself, as it stands."""

from dataclasses import dataclass

from training.serving import Floats
from training.song_vectors.contexts import Contexts
from training.song_vectors.corpus import ContextKind
from training.watch import Watch


@dataclass(frozen=True)
class PlainFeatures:
    """Genre one-hot beside the popularity (playlists), or beside mean score and sound (reviews)."""

    contexts: ContextKind

    def fit(self, contexts: Contexts, features: Floats, seed: int, watch: Watch) -> Floats:  # noqa: ARG002
        """The features of the songs that occur."""
        vectors = features.copy()
        vectors[contexts.frequency == 0] = 0
        return vectors
