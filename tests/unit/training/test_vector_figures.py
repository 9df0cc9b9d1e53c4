"""Figures of song vectors, held against a slow and obvious way to compute them."""

import numpy as np
import pytest
from scipy import sparse

from training.evaluate_song_vectors import vector_words
from training.fit_song_vectors import _clusters, purity_sentence
from training.song_vectors.contexts import HeldOut
from training.song_vectors.figures import genre_purity, held_out_figures, yardsticks
from training.song_vectors.neighbours import nearest, unit_length

SONGS, UNITS = 40, 5


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(2).normal(size=(SONGS, UNITS)).astype(np.float32)


@pytest.fixture
def held() -> HeldOut:
    rng = np.random.default_rng(3)
    chance = rng.random((SONGS, SONGS)) * (rng.random((SONGS, SONGS)) < 0.2)
    np.fill_diagonal(chance, 0)
    told = (rng.random((SONGS, SONGS)) < 0.2) & (chance == 0)
    return HeldOut(sparse.csr_array(chance / chance.sum()), sparse.csr_array(told.astype(np.float32)))


def ranks(vectors: np.ndarray, told: np.ndarray | None) -> np.ndarray:
    """[songs, songs]: the place of each song among the neighbours of another, counted from 1."""
    cosine = unit_length(vectors) @ unit_length(vectors).T
    if told is not None:
        cosine[told > 0] = -9
    np.fill_diagonal(cosine, -10)
    return (-cosine).argsort(axis=1).argsort(axis=1) + 1


@pytest.mark.parametrize("set_aside", [False, True])
def test_figures_are_those_of_a_pair_drawn_at_random(vectors: np.ndarray, held: HeldOut, set_aside: bool) -> None:
    known = held.told.toarray() if set_aside else None
    rank, chance = ranks(vectors, known), held.chance.toarray()
    found = held_out_figures(vectors, held if set_aside else HeldOut(held.chance, None))
    hit = rank <= 10
    assert found["hit_rate"] == pytest.approx((chance * hit).sum(), rel=1e-5)
    assert found["ndcg"] == pytest.approx((chance * hit / np.log2(rank + 1)).sum(), rel=1e-5)
    assert found["mrr"] == pytest.approx((chance * hit / rank).sum(), rel=1e-5)


def test_yardsticks_bound_every_figure(vectors: np.ndarray, held: HeldOut) -> None:
    frequency = np.arange(SONGS)[::-1].copy()
    found = yardsticks(frequency, HeldOut(held.chance, None))
    chance = held.chance.toarray()
    popular = sum(chance[row, [song for song in range(11) if song != row][:10]].sum() for row in range(SONGS))
    assert found["popular"] == pytest.approx(popular)
    assert found["ceiling"] == pytest.approx(np.sort(chance, axis=1)[:, -10:].sum())
    assert held_out_figures(vectors, held)["hit_rate"] <= found["ceiling"]


def test_a_song_without_a_vector_is_nobodys_neighbour(vectors: np.ndarray) -> None:
    vectors[7] = 0
    others = np.arange(SONGS) != 7
    assert 7 not in nearest(vectors, SONGS - 2)[others]
    assert 7 in nearest(vectors, SONGS - 1)[others][:, -1]


def test_genre_purity_counts_neighbours_of_the_same_genre() -> None:
    directions = np.repeat(np.eye(2, dtype=np.float32), 20, axis=0)
    noise = np.random.default_rng(0).normal(0, 0.01, directions.shape).astype(np.float32)
    genre = np.array(["rock"] * 20 + ["pop"] * 20, dtype=object)
    assert genre_purity(directions + noise, genre) == {"genre_purity": 1.0, "genre_chance": 0.5}
    assert genre_purity(directions, np.array([""] * 40, dtype=object)) == {}


def test_clusters_go_by_direction_and_not_by_length() -> None:
    """Some are narrower than others, and a song that was hardly learnt has a short vector."""
    rng = np.random.default_rng(0)
    members = np.repeat(np.arange(6), 30)
    spread = np.linspace(0.1, 0.6, 6)[members, None]
    vectors = (rng.normal(size=(6, UNITS))[members] + spread * rng.normal(size=(180, UNITS))).astype(np.float32)
    known, lengths = np.ones(180, np.int64), 2.0 ** rng.integers(-6, 4, (180, 1)).astype(np.float32)
    (_, _, as_they_are), (_, _, stretched) = (_clusters(each, known, 0) for each in (vectors, vectors * lengths))
    assert np.array_equal(as_they_are, stretched)


@pytest.mark.parametrize(
    ("contexts", "model", "says"),
    [
        ("reviews", "skip_gram", "This is circular: genres made the contexts"),
        ("reviews", "plain_features", "This is circular: genres made the contexts"),
        ("playlists", "plain_features", "This is circular: the genre is one of the features"),
        ("playlists", "ppmi_svd", "genres had no part in training"),
    ],
)
def test_purity_that_is_circular_is_called_so(contexts: str, model: str, says: str) -> None:
    told = purity_sentence({"genre_purity": 0.5, "genre_chance": 0.1}, {"contexts": contexts, "model": model})
    assert told.startswith("50.0% of the ten nearest have the same genre, and 10.0% of songs drawn at random")
    assert says in told


def test_the_table_says_of_which_recipes_purity_is_circular() -> None:
    fold = {"popular": 0.1, "ceiling": 0.5, "genre_purity": 0.5, "genre_chance": 0.1}
    for contexts, says in (("reviews", "circular for every recipe here"), ("playlists", "circular for plain features")):
        recipes = {"one": {"recipe": {"contexts": contexts}, "folds": [fold]}}
        words = vector_words({"plan": {"repeats": 1, "folds": 5}, "recipes": recipes}, "one")
        assert says in " ".join(words)
