"""What a song occurs beside: the other songs of a playlist, or the artists that critics describe alike."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.model_selection import KFold

from training.datasets.playlists import Sparse, playlist_lengths, song_users
from training.errors import DataError

Ids = NDArray[np.int32]


MAX_HELD_USERS = 10_000
"""More held-out users than this are not needed to measure, and their pairs would fill the memory."""


@dataclass(frozen=True)
class HeldOut:
    """Co-occurrences that were kept from training."""

    # float [songs, songs]: the chance with which (query, target) is drawn; the sum is 1.
    chance: Sparse
    # [songs, songs]: pairs that training was told of and that cannot occur again, so they are no answer; None where a
    # pair that was seen may well be seen again.
    told: Sparse | None


class Contexts(Protocol):
    """Where pairs of songs that belong together come from."""

    @property
    def frequency(self) -> NDArray[np.int64]:
        """int64 [songs]: how often each song occurs."""
        ...

    def pairs(self, rng: np.random.Generator, partners: int) -> tuple[Ids, Ids]:
        """For every occurrence that has company, the song and some drawn from those beside it, in random order.

        Songs are [occurrences], those beside them [occurrences, partners]; one may be drawn twice.
        """
        ...

    def thinned(self, kept: NDArray[np.float64], rng: np.random.Generator) -> "Contexts":
        """The same with fewer occurrences: each stays with the chance `kept` [songs] of its song."""
        ...

    def counts(self) -> Sparse:
        """float32 [songs, songs], symmetric: how often two songs are expected to be paired; the diagonal is empty."""
        ...

    def faded(self, exponent: float) -> "Contexts":
        """The same, where pairs of a playlist count less the longer it is: as its length to minus this power."""
        ...

    def folds(self, folds: int, repeats: int, seed: int) -> Iterator[tuple["Contexts", HeldOut]]:
        """Contexts to learn from and what was held out of them: `repeats` times `folds` parts, each held out once.

        Raises DataError where there are fewer users, or links, than parts.
        """
        ...


@dataclass(frozen=True)
class PlaylistContexts:
    """Two songs occur together where one playlist holds both."""

    # [users, songs], 0 or 1
    matrix: Sparse
    # What `faded` was told: 0 lets every occurrence count alike, 1 every user.
    fading: float = 0.0

    @property
    def frequency(self) -> NDArray[np.int64]:
        return song_users(self.matrix)

    def pairs(self, rng: np.random.Generator, partners: int) -> tuple[Ids, Ids]:
        lengths = playlist_lengths(self.matrix)
        length = np.repeat(lengths, lengths)
        start = np.repeat(self.matrix.indptr[:-1], lengths)
        chosen = rng.permutation(np.flatnonzero(length > 1))
        if self.fading:
            bounds = np.cumsum(length[chosen] ** -self.fading)
            chosen = chosen[np.searchsorted(bounds, rng.random(len(chosen)) * bounds[-1], side="right")]
        length, start, place = length[chosen, None], start[chosen, None], chosen[:, None]
        # One to length - 1 places further round the playlist: never the song itself.
        step = 1 + (rng.random((len(chosen), partners)) * (length - 1)).astype(np.int64)
        other = start + (place - start + step) % length
        return self.matrix.indices[chosen].astype(np.int32), self.matrix.indices[other].astype(np.int32)

    def counts(self) -> Sparse:
        lengths = playlist_lengths(self.matrix)
        company = lengths > 1
        share = np.where(company, np.maximum(lengths, 1.0) ** -self.fading, 0)
        # As many pairs as there are occurrences with company, whatever the fading.
        share *= lengths[company].sum() / (share * lengths).sum()
        weight = share / np.maximum(lengths - 1, 1)
        return off_diagonal(self.matrix.T @ (sparse.diags_array(weight.astype(np.float32)) @ self.matrix))

    def thinned(self, kept: NDArray[np.float64], rng: np.random.Generator) -> Contexts:
        matrix = self.matrix.copy()
        matrix.data = (rng.random(matrix.nnz) < kept[matrix.indices]).astype(np.float32)
        matrix.eliminate_zeros()
        return replace(self, matrix=matrix)

    def faded(self, exponent: float) -> Contexts:
        return replace(self, fading=exponent)

    def folds(self, folds: int, repeats: int, seed: int) -> Iterator[tuple[Contexts, HeldOut]]:
        """Users are held out. A pair is drawn as one of them at random, then two different songs of the user's."""
        for learn, held in _parts(self.matrix.shape[0], "users", folds, repeats, seed):
            kept = self.matrix[learn]
            known = sparse.diags_array((song_users(kept) > 0).astype(np.float32))
            yield PlaylistContexts(kept), HeldOut(_chance(sparse.csr_array(self.matrix[held] @ known)), None)


@dataclass(frozen=True)
class GraphContexts:
    """Two artists occur together where they are linked."""

    # [artists, artists], symmetric, 1 where linked
    graph: Sparse

    @property
    def frequency(self) -> NDArray[np.int64]:
        return playlist_lengths(self.graph)

    def pairs(self, rng: np.random.Generator, partners: int) -> tuple[Ids, Ids]:
        links = playlist_lengths(self.graph)
        owner = rng.permutation(np.repeat(np.arange(len(links)), links))
        step = (rng.random((len(owner), partners)) * links[owner, None]).astype(np.int64)
        other = self.graph.indices[self.graph.indptr[owner, None] + step]
        return owner.astype(np.int32), other.astype(np.int32)

    def thinned(self, kept: NDArray[np.float64], rng: np.random.Generator) -> Contexts:
        upper = sparse.coo_array(sparse.triu(self.graph, 1))
        stays = rng.random(upper.nnz) < kept[upper.row] * kept[upper.col]
        return replace(self, graph=_symmetric(upper.row[stays], upper.col[stays], upper.shape))

    def counts(self) -> Sparse:
        return self.graph

    def faded(self, exponent: float) -> Contexts:  # noqa: ARG002
        # Links are of no playlist.
        return self

    def folds(self, folds: int, repeats: int, seed: int) -> Iterator[tuple[Contexts, HeldOut]]:
        """Links are held out. A pair is drawn as an artist who lost some at random, then one of those lost."""
        upper = sparse.coo_array(sparse.triu(self.graph, 1))
        for learn, held in _parts(upper.nnz, "links", folds, repeats, seed):
            kept, lost = (_symmetric(upper.row[part], upper.col[part], upper.shape) for part in (learn, held))
            weight = 1 / np.maximum(playlist_lengths(lost), 1) / np.count_nonzero(playlist_lengths(lost))
            yield GraphContexts(kept), HeldOut(sparse.csr_array(sparse.diags_array(weight) @ lost), told=kept)


def off_diagonal(matrix: Sparse) -> Sparse:
    """The same without the diagonal."""
    entries = sparse.coo_array(matrix)
    kept = entries.row != entries.col
    return sparse.csr_array((entries.data[kept], (entries.row[kept], entries.col[kept])), shape=entries.shape)


def _parts(
    count: int, what: str, folds: int, repeats: int, seed: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    if folds > count:
        raise DataError(
            f"{count} {what} cannot be held out in {folds} parts; use --folds {count} or fewer, or add data"
        )
    for repeat in range(repeats):
        yield from KFold(folds, shuffle=True, random_state=seed + repeat).split(np.arange(count))


def _chance(matrix: Sparse) -> Sparse:
    """Every user with two songs or more counts alike, and so does every pair of a user's."""
    lengths = playlist_lengths(matrix)
    users = np.flatnonzero(lengths > 1)[:MAX_HELD_USERS]
    lengths = lengths[users].astype(np.float64)
    weight = 1 / (lengths * (lengths - 1)) / max(len(users), 1)
    return off_diagonal(matrix[users].T @ (sparse.diags_array(weight) @ matrix[users]))


def _symmetric(row: Ids, column: Ids, shape: tuple[int, int]) -> Sparse:
    """1 at (row, column) and at (column, row)."""
    ones = np.ones(2 * len(row), dtype=np.float32)
    return sparse.csr_array((ones, (np.concatenate([row, column]), np.concatenate([column, row]))), shape=shape)
