"""Fitting a recipe of song vectors: measure it on held-out co-occurrences, then learn from all of them."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from rich.console import Console

from training.clusters import Clustering, Tried, find_clusters
from training.families import FitOptions
from training.recipe import Recipe
from training.run_folder import FORMAT, package_versions
from training.serving import Floats
from training.song_vectors.contexts import Contexts, HeldOut
from training.song_vectors.corpus import Corpus, load_corpus
from training.song_vectors.figures import genre_purity, held_out_figures, yardsticks
from training.song_vectors.maps import name_places, song_places
from training.song_vectors.neighbours import unit_length
from training.song_vectors.run_files import VectorRun, write_vector_run
from training.watch import History, Watch, progress_bar

PARTS = 5
"""One of so many parts of the data is held out to measure on."""

MAX_CLUSTERED = 20_000
"""Clusters are found among so many of the most frequent songs; the others join the nearest."""


def fit_folder(recipe: Recipe, data: Path, out: Path, options: FitOptions, console: Console) -> None:
    """The workflow of the family `song_vectors`."""
    with console.status("reading what occurs together"):
        corpus = load_corpus(data, recipe.parameters.contexts)
    with progress_bar(console) as watch:
        run = fit_song_vectors(recipe, corpus, options, watch)
    write_vector_run(out, run)
    held = run.summary["figures"]["held_out"]
    console.print(
        f"{out}: {recipe.name} on held-out co-occurrences: hit rate at 10 {held['hit_rate']:.4f} (the ten most popular "
        f"{held['popular']:.4f}, at most possible {held['ceiling']:.4f}), NDCG {held['ndcg']:.4f}, MRR "
        f"{held['mrr']:.4f}; {len(run.vectors):,} vectors of {run.vectors.shape[1]}",
        highlight=False,
        soft_wrap=True,
    )
    if "genre_purity" in held:
        console.print(purity_sentence(held, run.summary["recipe"]), highlight=False, soft_wrap=True)


def fit_song_vectors(recipe: Recipe, corpus: Corpus, options: FitOptions, watch: Watch) -> VectorRun:
    """Learn from four fifths to measure, and from everything to keep."""
    learn, held = next(iter(corpus.contexts.folds(PARTS, 1, options.seed)))
    measured = fit_and_measure(recipe, corpus, learn, held, options.seed, watch)
    history = History(watch)
    vectors = recipe.parameters.fit(corpus.contexts, corpus.features, options.seed, history)
    clustering, tried, clusters = _clusters(vectors, corpus.known, options.seed)
    places = song_places(vectors, corpus.known, options.seed)
    columns = {"known": corpus.known, "cluster": clusters, "map_x": places[:, 0], "map_y": places[:, 1]}
    songs = corpus.songs
    for name, values in columns.items():
        songs = songs.append_column(name, pa.array(values))
    return VectorRun(
        summary=_summary(recipe, corpus, options, measured, clustering, tried),
        vectors=vectors,
        songs=songs,
        names=name_places(vectors, corpus.songs, corpus.known, clusters, options.seed),
        history=history.epochs,
    )


def fit_and_measure(
    recipe: Recipe, corpus: Corpus, learn: Contexts, held: HeldOut, seed: int, watch: Watch
) -> dict[str, float]:
    """Fit on `learn` and nothing else; the figures of what was held out."""
    vectors = recipe.parameters.fit(learn, corpus.features, seed, watch)
    genre = corpus.songs["genre_group"].to_numpy()
    return {
        **held_out_figures(vectors, held),
        **yardsticks(learn.frequency, held),
        **genre_purity(vectors, np.where(learn.frequency > 0, genre, "")),
    }


def purity_sentence(figures: dict[str, Any], recipe: dict[str, Any]) -> str:
    """What share of neighbours have the same genre, and whether that says anything."""
    says = (
        f"{figures['genre_purity']:.1%} of the ten nearest have the same genre, and {figures['genre_chance']:.1%} of "
        "songs drawn at random"
    )
    if recipe["contexts"] == "reviews":
        return f"{says}. This is circular: genres made the contexts that the vectors were learnt from"
    if recipe["model"] == "plain_features":
        return f"{says}. This is circular: the genre is one of the features"
    return f"{says}; genres had no part in training"


def _clusters(
    vectors: Floats, known: np.ndarray[Any, np.dtype[np.int64]], seed: int
) -> tuple[Clustering, list[Tried], np.ndarray[Any, np.dtype[np.intp]]]:
    """K-means by direction; a song about which nothing was learnt goes to the cluster nearest to zero."""
    unit = unit_length(vectors)
    frequent = np.argsort(-known, kind="stable")[:MAX_CLUSTERED]
    clustering, tried = find_clusters(unit[frequent[unit[frequent].any(axis=1)]], seed)
    return clustering, tried, clustering.nearest(unit)


def _summary(
    recipe: Recipe,
    corpus: Corpus,
    options: FitOptions,
    measured: dict[str, float],
    clustering: Clustering,
    tried: list[Tried],
) -> dict[str, Any]:
    """run.json"""
    return {
        "format": FORMAT,
        "recipe": recipe.as_json(),
        "seed": options.seed,
        "created": options.created.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "data": corpus.facts,
        "versions": package_versions(),
        "clusters": len(clustering.centroids),
        "figures": {
            "held_out": measured,
            "clusters_tried": [asdict(one) for one in tried],
        },
    }
