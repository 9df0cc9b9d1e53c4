"""What every playlist model takes and gives, whatever is inside."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from training.datasets.playlists import GENDERS, UNKNOWN_GENDER, Sparse, song_users
from training.datasets.split import Rows
from training.serving import Serving
from training.watch import Watch


@dataclass(frozen=True)
class Examples:
    """Playlists to learn from. Every song has at least one user; a user's gender may be unknown."""

    # float32 [users, songs], 0 or 1
    matrix: Sparse
    # int8 [users], index into GENDERS or UNKNOWN_GENDER
    gender: NDArray[np.int8]

    def rows(self, rows: Rows) -> "Examples":
        """The same songs for some of the users."""
        return Examples(self.matrix[rows], self.gender[rows])

    def labelled(self) -> "Examples":
        """Those of known gender, in the same order."""
        known = np.flatnonzero(self.gender != UNKNOWN_GENDER)
        return self if len(known) == len(self.gender) else self.rows(known)

    def known_to(self, others: "Examples") -> "Examples":
        """The same users without the songs that none of the others has: what a model of theirs would know of them."""
        known = song_users(others.matrix) > 0
        matrix = self.matrix.copy()
        matrix.data[~known[matrix.indices]] = 0
        matrix.eliminate_zeros()
        return Examples(matrix, self.gender)

    @property
    def target(self) -> NDArray[np.float32]:
        """float32 [users]: 1 for the second gender. Only for labelled examples."""
        target: NDArray[np.float32] = (self.gender == len(GENDERS) - 1).astype(np.float32)
        return target

    def log_loss(self, serving: Serving) -> float:
        """Mean logistic loss of a model's uncalibrated logits. Only for labelled examples."""
        logits = serving.logits(self.matrix)
        return float(np.mean(np.logaddexp(0, logits) - self.target * logits))


@dataclass(frozen=True)
class Fitted:
    """Two models over the same songs: the one to serve, and the one that shows how well such a model does."""

    # Trained on all examples.
    serving: Serving
    # Trained in the same way without the genders of the held-out users.
    rehearsal: Serving


class PlaylistModel(Protocol):
    """The parameters of one model. Fitting changes neither them nor the examples; the same seed gives the same arrays.

    Whatever it chooses (epochs, strengths) it chooses inside the examples it is given. What needs no gender it may
    learn from all of them, the held-out users among them.
    """

    def fit(self, examples: Examples, held: Rows, seed: int, watch: Watch) -> Fitted:
        """Arrays with a table row per song of the examples; `held` are rows of users whose gender is known."""
        ...
