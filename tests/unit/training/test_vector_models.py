"""Every recipe of song vectors finds groups that were planted, and repeats itself."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from tests.planted_reviews import write_reviews
from training.backend import tf
from training.datasets.playlists import Playlists
from training.evaluate_song_vectors import VectorPlan, evaluate_song_vectors
from training.families import FitOptions
from training.fit_song_vectors import fit_and_measure, fit_song_vectors
from training.models.plain_features import PlainFeatures
from training.models.ppmi_svd import PpmiSvd
from training.models.skip_gram import SkipGram, _Network, noise_shares
from training.recipe import load_recipe, recipe_names
from training.serving import Floats
from training.song_vectors.contexts import Contexts, PlaylistContexts
from training.song_vectors.corpus import Corpus, load_corpus, playlists_corpus
from training.song_vectors.figures import genre_purity, held_out_figures, yardsticks
from training.watch import History, unwatched

RECIPES = [name for name in recipe_names() if load_recipe(name).family == "song_vectors"]
LEARNT = [name for name in RECIPES if load_recipe(name).model != "plain_features"]
QUICK = {"epochs": 8, "units": 16}


@pytest.fixture(scope="module")
def corpora(small: Playlists, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Corpus]:
    folder = tmp_path_factory.mktemp("reviews")
    write_reviews(folder)
    return {"playlists": playlists_corpus(small), "reviews": load_corpus(folder, "reviews")}


def model(name: str) -> SkipGram:
    recipe = load_recipe(name, QUICK if load_recipe(name).model == "skip_gram" else None)
    return recipe.parameters


def test_there_is_a_recipe_of_each_model_for_each_kind_of_contexts() -> None:
    found = {(load_recipe(name).model, load_recipe(name).parameters.contexts) for name in RECIPES}
    assert len(found) == 6
    assert {load_recipe(name).parameters.units for name in LEARNT} == {64}
    learnt_with_noise = [load_recipe(name).parameters for name in LEARNT if load_recipe(name).model == "skip_gram"]
    assert {each.noise_exponent for each in learnt_with_noise} == {0.75}
    assert load_recipe("song_vectors_word2vec").parameters.tables == "two", "as published: songs and partners apart"


@pytest.mark.parametrize("name", LEARNT)
def test_learns_what_belongs_together(name: str, corpora: dict[str, Corpus]) -> None:
    corpus = corpora[model(name).contexts]
    learn, held = next(iter(corpus.contexts.folds(5, 1, seed=0)))
    before, history = learn.counts().toarray(), History()
    vectors = model(name).fit(learn, corpus.features, 0, history)
    assert np.array_equal(learn.counts().toarray(), before), "fitting changed the contexts"
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert not vectors[learn.frequency == 0].any()
    purity = genre_purity(vectors, corpus.songs["genre_group"].to_numpy())
    assert purity["genre_purity"] > 0.5 + 0.5 * purity["genre_chance"], purity
    chance = 10 / np.count_nonzero(learn.frequency)
    figures = held_out_figures(vectors, held)
    assert chance < figures["mrr"] * 10 < 10 * figures["hit_rate"]
    assert 1.5 * chance < figures["hit_rate"] <= yardsticks(learn.frequency, held)["ceiling"]
    if load_recipe(name).model == "skip_gram":
        losses = [float(epoch["loss"]) for epoch in history.epochs]
        assert losses[-1] < losses[0]


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in LEARNT])
def test_plain_features_say_something_too(name: str, corpora: dict[str, Corpus]) -> None:
    corpus = corpora[model(name).contexts]
    learn, held = next(iter(corpus.contexts.folds(5, 1, seed=0)))
    vectors = model(name).fit(learn, corpus.features, 0, unwatched)
    assert held_out_figures(vectors, held)["hit_rate"] > 1.2 * 10 / len(vectors)


@pytest.mark.parametrize("name", RECIPES)
def test_a_seed_repeats_the_fit(name: str, corpora: dict[str, Corpus]) -> None:
    corpus = corpora[model(name).contexts]
    first, again = (model(name).fit(corpus.contexts, corpus.features, 3, unwatched) for _ in range(2))
    assert np.array_equal(first, again)


@pytest.mark.parametrize("settings", [{"subsample": 1e-3}, {"partners": 1}, {"popularity": 0.5}, {"tables": "two"}])
def test_every_setting_of_skip_gram_runs(settings: dict[str, object], corpora: dict[str, Corpus]) -> None:
    corpus = corpora["playlists"]
    recipe = load_recipe("song_vectors", {**QUICK, **settings})
    vectors = recipe.parameters.fit(corpus.contexts, corpus.features, 0, unwatched)
    purity = genre_purity(vectors, corpus.songs["genre_group"].to_numpy())
    assert purity["genre_purity"] > 2 * purity["genre_chance"]


def test_plain_features_are_the_genre_and_the_popularity_or_the_score_and_the_sound(corpora: dict[str, Corpus]) -> None:
    for kind, told in (("playlists", 1), ("reviews", 2)):
        genre = corpora[kind].songs["genre_group"].to_numpy()
        hot, others = corpora[kind].features[:, :-told], corpora[kind].features[:, -told:]
        assert hot.shape[1] == len(set(genre) - {""})
        assert np.array_equal(hot.sum(axis=1), genre != "")
        assert others.std(axis=0) == pytest.approx(1, abs=1e-5)
    popularity = corpora["playlists"].features[:, -1]
    assert np.corrcoef(popularity, np.log(corpora["playlists"].known))[0, 1] == pytest.approx(1)


def test_what_is_measured_never_saw_what_was_held_out_and_what_is_kept_saw_all(
    corpora: dict[str, Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Contexts] = []

    def fit(self: PlainFeatures, contexts: Contexts, features: Floats, *_: object) -> Floats:
        given.append(contexts)
        return features + len(given)

    monkeypatch.setattr(PlainFeatures, "fit", fit)
    corpus = corpora["playlists"]
    run = fit_song_vectors(
        load_recipe("song_vectors_features"), corpus, FitOptions(3, datetime.now(UTC), 0.85), unwatched
    )
    (learn, held), *_ = corpus.contexts.folds(5, 1, seed=3)
    measured, kept = given
    assert isinstance(measured, PlaylistContexts)
    assert isinstance(learn, PlaylistContexts)
    assert (measured.matrix != learn.matrix).nnz == 0
    assert kept is corpus.contexts
    assert np.array_equal(run.vectors, corpus.features + 2)
    expected = held_out_figures(corpus.features + 1, held)
    assert expected.items() <= run.summary["figures"]["held_out"].items()


def test_an_evaluation_learns_from_nothing_that_is_held_out(corpora: dict[str, Corpus], tmp_path: Path) -> None:
    corpus, recipe = corpora["playlists"], load_recipe("song_vectors_ppmi")
    results = evaluate_song_vectors(
        [recipe], corpus, VectorPlan("digest", 3, 1, 5), tmp_path / "figures.json", unwatched
    )
    for number, (learn, held) in enumerate(corpus.contexts.folds(3, 1, 5)):
        expected = fit_and_measure(recipe, corpus, learn, held, 5 + number, unwatched)
        assert expected.items() <= results["recipes"][recipe.name]["folds"][number].items()


def test_long_playlists_count_less_where_pairs_fade(corpora: dict[str, Corpus]) -> None:
    contexts, features = corpora["playlists"].contexts, corpora["playlists"].features
    plain, faded = (
        load_recipe("song_vectors", {**QUICK, "epochs": 1, "fading": fading}).parameters.fit(
            contexts, features, 0, unwatched
        )
        for fading in (0.0, 1.0)
    )
    assert not np.allclose(plain, faded)


def test_of_two_tables_the_vectors_are_those_of_the_songs_and_not_of_the_partners() -> None:
    settings = SkipGram("playlists", units=2, tables="two", noise=3)
    network = _Network(settings, np.array([8, 1, 4]), np.random.default_rng(0))
    assert np.array_equal(network.vectors(), network._table.gather([0, 1, 2]))
    assert not np.array_equal(network.vectors(), network._table.gather([3, 4, 5]))


def test_noise_follows_the_exponent() -> None:
    frequency = np.array([0, 1, 16])
    assert noise_shares(frequency, 0.75).tolist() == pytest.approx([0, 1 / 9, 8 / 9])
    assert noise_shares(frequency, -0.5).tolist() == pytest.approx([0, 4 / 5, 1 / 5])
    assert noise_shares(frequency, 0.0).tolist() == pytest.approx([0, 1 / 2, 1 / 2])


def test_skip_gram_finds_the_planted_clusters(small_folder: Path, corpora: dict[str, Corpus]) -> None:
    """Against the truth of the generator, of which the recipe sees nothing."""
    corpus = corpora["playlists"]
    truth = pq.read_table(small_folder / "truth_songs.parquet")
    cluster = dict(zip(truth["song_id"].to_pylist(), truth["cluster"].to_pylist(), strict=True))
    planted = np.array([str(cluster[song]) for song in corpus.songs["song_id"].to_pylist()], dtype=object)
    vectors = model("song_vectors").fit(corpus.contexts, corpus.features, 0, unwatched)
    assert genre_purity(vectors, planted)["genre_purity"] > 0.8


@pytest.mark.parametrize("tables", ["one", "two"])
@pytest.mark.parametrize("popularity", [0.0, 1.0, -0.25])
def test_noise_contrastive_estimation_is_as_defined(tables: str, popularity: float) -> None:
    """Three songs, two queries with two partners each, and three songs as noise, one of them twice."""
    frequency = np.array([8, 1, 4])
    settings = SkipGram("playlists", units=2, tables=tables, noise=3, noise_exponent=0.5, popularity=popularity)
    network = _Network(settings, frequency, np.random.default_rng(0))
    scale, offset = network._scalars.variables
    scale.assign(0.7)
    offset.assign(0.3)
    queries, partners, noise = np.array([0, 2]), np.array([[1, 2], [0, 0]]), np.array([1, 1, 0])
    table = np.random.default_rng(1).normal(size=(3 if tables == "one" else 6, 2))
    behind = 0 if tables == "one" else 3
    places = np.concatenate([queries, partners.ravel() + behind, noise + behind])

    vectors = table / np.linalg.norm(table, axis=1, keepdims=True) if tables == "one" else table
    factor = np.exp(0.7) if tables == "one" else 1.0
    drawn = frequency**0.5 / (frequency**0.5).sum()
    prior = frequency.astype(float) ** popularity
    logit = factor * vectors[queries] @ vectors[behind : behind + 3].T + 0.3
    logit += np.log(prior / prior.sum()) - np.log(3 * drawn)
    told = np.log1p(np.exp(-np.take_along_axis(logit, partners, axis=1))).mean(axis=1)
    expected = (told + np.log1p(np.exp(logit[:, noise])).sum(axis=1)).mean()

    loss = network._loss(*(tf.constant(one) for one in (table.astype(np.float32), places, partners, noise)))
    assert float(loss) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("smoothing", "shift", "fading"), [(1.0, 1.0, 0.0), (0.75, 1.0, 0.0), (-0.25, 1.0, 0.5), (0.0, 0.3, 1.0)]
)
def test_ppmi_is_as_defined(smoothing: float, shift: float, fading: float) -> None:
    """Vectors of full rank hold all of the matrix: as U S, their products are those of its rows."""
    playlists = [[1, 1, 1, 0], [1, 1, 0, 0], [0, 1, 0, 1], [0, 0, 1, 1], [1, 0, 1, 0], [1, 1, 0, 0]]
    contexts = PlaylistContexts(sparse.csr_array(np.array(playlists, dtype=np.float32)))
    counts = contexts.faded(fading).counts().toarray().astype(float)
    together, alone = counts / counts.sum(), counts.sum(axis=1) / counts.sum()
    partner = alone**smoothing / (alone**smoothing).sum()
    positive = np.log(np.maximum(together / (alone[:, None] * partner) / shift, 1))
    assert np.count_nonzero(positive) > 4, "there is nothing to compare"
    for exponent in (1.0, 0.5):
        model = PpmiSvd("playlists", 4, smoothing, shift, exponent, fading)
        vectors = model.fit(contexts, np.zeros((4, 0), np.float32), 0, unwatched).astype(float)
        products = vectors @ vectors.T
        whole = products if exponent == 1.0 else products @ products
        assert whole == pytest.approx(positive @ positive.T, abs=1e-4)
