"""Maps in two dimensions on which songs, or whoever sings them, lie close where their vectors are alike."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from training.serving import Floats
from training.song_vectors.neighbours import unit_length

MAX_SONGS = 1_500
MAX_NAMES = 300
ITERATIONS = 500
PERPLEXITY = 30.0


def song_places(vectors: Floats, known: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """float64 [songs, 2]; NaN for songs beyond the MAX_SONGS best known."""
    places = np.full((len(vectors), 2), np.nan)
    shown = np.argsort(-known, kind="stable")[:MAX_SONGS]
    shown = shown[vectors[shown].any(axis=1)]
    places[shown] = _tsne(unit_length(vectors[shown]), seed)
    return places


def name_places(
    vectors: Floats, songs: pa.Table, known: NDArray[np.int64], clusters: NDArray[np.intp], seed: int
) -> pa.Table:
    """name, known, cluster, map_x and map_y of the MAX_NAMES best known artists.

    An artist's vector is the mean of the songs', weighted by how many know each, and so is the cluster. A song
    without an artist stands for itself.
    """
    encoded = pa.array(display_names(songs)).dictionary_encode()
    owner, names = encoded.indices.to_numpy(), encoded.dictionary
    totals = np.bincount(owner, weights=known, minlength=len(names))
    chosen = np.argsort(-totals, kind="stable")[:MAX_NAMES]
    sums = np.zeros((len(names), vectors.shape[1]), dtype=np.float64)
    np.add.at(sums, owner, unit_length(vectors) * known[:, None])
    votes = np.zeros((len(names), int(clusters.max()) + 1))
    np.add.at(votes, (owner, clusters), known)
    places = _tsne(unit_length(sums[chosen].astype(np.float32)), seed)
    return pa.table(
        {
            "name": names.take(pa.array(chosen)),
            "known": totals[chosen].astype(np.int64),
            "cluster": votes[chosen].argmax(axis=1),
            "map_x": places[:, 0],
            "map_y": places[:, 1],
        }
    )


def display_names(songs: pa.Table) -> list[str]:
    """The artist of each song, or its title or id where that is not known."""
    columns = (songs[name].to_pylist() for name in ("artist", "title", "song_id"))
    return [artist or title or song_id for artist, title, song_id in zip(*columns, strict=True)]


def _tsne(vectors: Floats, seed: int) -> NDArray[np.float64]:
    """float64 [rows, 2]. The cosine decides, since the rows are of unit length."""
    if len(vectors) < 5:
        return np.random.default_rng(seed).normal(size=(len(vectors), 2))
    tsne = TSNE(perplexity=min(PERPLEXITY, (len(vectors) - 1) / 3), init="pca", max_iter=ITERATIONS, random_state=seed)
    # So few points are mapped quicker on one thread than on several.
    with threadpool_limits(1):
        places: NDArray[np.float64] = tsne.fit_transform(vectors).astype(np.float64)
    return places
