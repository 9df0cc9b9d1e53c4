"""What songs occur beside: pairs, counts, and the parts that are held out."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from training.datasets.playlists import Playlists
from training.errors import DataError
from training.evaluate_song_vectors import VectorPlan, evaluate_song_vectors
from training.song_vectors.contexts import Contexts, GraphContexts, PlaylistContexts
from training.song_vectors.corpus import Corpus
from training.watch import unwatched

PLAYLISTS = sparse.csr_array(np.array([[1, 1, 1, 0], [1, 0, 0, 0], [0, 1, 0, 1]], dtype=np.float32))
GRAPH = sparse.csr_array(np.array([[0, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 1], [0, 0, 1, 0]], dtype=np.float32))


@pytest.mark.parametrize(
    "contexts",
    [PlaylistContexts(PLAYLISTS), PlaylistContexts(PLAYLISTS).faded(1.5), GraphContexts(GRAPH).faded(1.0)],
    ids=["playlists", "faded playlists", "graph"],
)
def test_pairs_are_drawn_as_often_as_counted(contexts: Contexts) -> None:
    rng, rounds = np.random.default_rng(0), 4_000
    drawn = np.zeros((4, 4))
    for _ in range(rounds):
        queries, targets = contexts.pairs(rng, 2)
        np.add.at(drawn, (queries[:, None], targets), 0.5)
    assert drawn / rounds == pytest.approx(contexts.counts().toarray(), abs=0.05)
    assert not drawn.diagonal().any()


def test_a_song_alone_in_its_playlist_is_in_no_pair() -> None:
    queries, targets = PlaylistContexts(PLAYLISTS).pairs(np.random.default_rng(0), 3)
    assert (queries.shape, targets.shape) == ((5,), (5, 3))
    assert PlaylistContexts(PLAYLISTS).frequency.tolist() == [2, 2, 1, 1]


@pytest.mark.parametrize("contexts", [PlaylistContexts(PLAYLISTS), GraphContexts(GRAPH)], ids=["playlists", "graph"])
def test_thinning_takes_occurrences_away(contexts: Contexts) -> None:
    rng = np.random.default_rng(0)
    without = contexts.thinned(np.array([1.0, 1.0, 0.0, 1.0]), rng)
    before, after = contexts.frequency, without.frequency
    assert after[2] == 0 < before[2]
    assert contexts.frequency.tolist() == before.tolist(), "the original lost some"
    halved = [contexts.thinned(np.full(4, 0.5), rng).frequency.sum() for _ in range(500)]
    # An occurrence stays if it is kept itself, a link if both of its ends are.
    share = 0.5 if isinstance(contexts, PlaylistContexts) else 0.25
    assert np.mean(halved) == pytest.approx(share * before.sum(), rel=0.1)


def test_held_out_users_are_not_learnt_from(small: Playlists) -> None:
    contexts = PlaylistContexts(small.matrix)
    folds = list(contexts.folds(5, 2, seed=1))
    assert len(folds) == 10
    for learn, held in folds:
        assert isinstance(learn, PlaylistContexts)
        assert held.told is None
        assert held.chance.sum() == pytest.approx(1)
        assert not held.chance.diagonal().any()
        assert not held.chance[:, np.flatnonzero(learn.frequency == 0)].sum(), "a song that nobody could have learnt"
    sizes = sum(learn.matrix.shape[0] for learn, _ in folds[:5] if isinstance(learn, PlaylistContexts))
    assert sizes == 4 * small.matrix.shape[0]


def test_every_held_out_user_counts_alike() -> None:
    """One with three songs has six pairs, one with two has two: each of them is a user of two."""
    contexts = PlaylistContexts(sparse.csr_array(sparse.vstack([PLAYLISTS] * 2)))
    _, held = next(iter(contexts.folds(2, 1, seed=3)))
    shares = np.unique(np.round(held.chance.data, 4))
    assert held.chance.sum() == pytest.approx(1)
    assert shares.max() <= 0.5


def test_held_out_links_are_not_told() -> None:
    rng = np.random.default_rng(0)
    upper = np.triu(rng.random((40, 40)) < 0.3, 1).astype(np.float32)
    contexts = GraphContexts(sparse.csr_array(upper + upper.T))
    for learn, held in contexts.folds(4, 1, seed=0):
        assert held.told is not None
        told, lost = held.told.toarray() > 0, held.chance.toarray() > 0
        assert not (told & lost).any()
        assert np.array_equal(told | lost, (upper + upper.T) > 0)
        assert np.array_equal(lost, lost.T)
        assert np.array_equal(learn.counts().toarray() > 0, told)
        rows = held.chance.toarray().sum(axis=1)
        assert rows[rows > 0] == pytest.approx(1 / np.count_nonzero(rows))


def evaluate_nothing(contexts: Contexts, folds: int, path: Path) -> None:
    """What is refused before the first recipe is fitted."""
    nothing = np.zeros((4, 0), dtype=np.float32)
    corpus = Corpus(pa.table({}), nothing, contexts, np.ones(4, dtype=np.int64), {})
    evaluate_song_vectors([], corpus, VectorPlan("digest", folds, 1, 0), path, unwatched)


@pytest.mark.parametrize(
    ("contexts", "folds", "says"),
    [
        (PlaylistContexts(PLAYLISTS), 4, "3 users cannot be held out in 4 parts; use --folds 3 or fewer"),
        (GraphContexts(GRAPH), 5, "3 links cannot be held out in 5 parts; use --folds 3 or fewer"),
        (PlaylistContexts(PLAYLISTS), 3, "one of 3 parts holds nothing that occurs together; use fewer --folds"),
    ],
    ids=["users", "links", "users with one song"],
)
def test_says_what_cannot_be_held_out(contexts: Contexts, folds: int, says: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=says):
        evaluate_nothing(contexts, folds, tmp_path / "figures.json")
