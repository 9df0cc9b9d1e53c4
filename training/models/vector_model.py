"""What every model of song vectors takes and gives, whatever is inside."""

from typing import Protocol

from training.serving import Floats
from training.song_vectors.contexts import Contexts
from training.song_vectors.corpus import ContextKind
from training.watch import Watch


class VectorModel(Protocol):
    """The parameters of one model. Fitting changes neither them nor the contexts; a seed repeats the fit."""

    @property
    def contexts(self) -> ContextKind:
        """What kind of data folder it learns from."""
        ...

    def fit(self, contexts: Contexts, features: Floats, seed: int, watch: Watch) -> Floats:
        """float32 [songs, units]: one vector per song, zeros for a song about which nothing was learnt.

        `features` are float32 [songs, features]. Songs are alike as far as the cosine of their vectors is large.
        """
        ...
