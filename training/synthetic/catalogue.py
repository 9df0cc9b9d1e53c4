"""The songs of a synthetic folder: titles, popularity, home cluster and gender skew."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.synthetic.published import PUBLISHED_ARTISTS, PUBLISHED_PLAYLISTS
from training.synthetic.settings import CLUSTER_NAMES, ENGLISH_CLUSTER, SyntheticSettings
from training.synthetic.titles import artists, chinese_titles, english_titles

PUBLISHED_SKEW = 1.1
"""Log-odds of a published song towards the gender of its published answer."""

SONGS_PER_ARTIST = 14


@dataclass(frozen=True)
class Catalogue:
    """One entry per song; the published songs come first."""

    song_ids: list[str]
    titles: list[str]
    artists: list[str]
    # float64 [songs], sums to 1.
    popularity: NDArray[np.float64]
    # intp [songs], index into CLUSTER_NAMES.
    cluster: NDArray[np.intp]
    # float64 [songs], log-odds of being sung by a woman rather than a man.
    skew: NDArray[np.float64]


def make_catalogue(settings: SyntheticSettings, rng: np.random.Generator) -> Catalogue:
    """The songs, the published ones among the popular and skewed as their answers are."""
    published = [(title, answer) for songs, answer in PUBLISHED_PLAYLISTS for title in songs]
    cluster = rng.integers(0, len(CLUSTER_NAMES), settings.songs)
    cluster[: len(published)] = _published_clusters()
    # A cluster's own leaning and the song's own: either alone tells less than both together.
    leaning = rng.permutation(np.linspace(-1, 1, len(CLUSTER_NAMES))) * settings.gender_skew
    skew = leaning[cluster] + rng.normal(0, settings.gender_skew, settings.songs)
    skew[: len(published)] = [PUBLISHED_SKEW if answer == "f" else -PUBLISHED_SKEW for _, answer in published]
    titles, names = _texts(cluster, rng)
    width = len(str(settings.songs))
    return Catalogue(
        song_ids=[f"k{number:0{width}d}" for number in range(1, settings.songs + 1)],
        titles=[title for title, _ in published] + titles[len(published) :],
        artists=[PUBLISHED_ARTISTS[title] for title, _ in published] + names[len(published) :],
        popularity=_popularity(settings, len(published), rng),
        cluster=cluster,
        skew=skew,
    )


def _published_clusters() -> list[int]:
    """The songs of one published playlist share a cluster."""
    return [number % ENGLISH_CLUSTER for number, (songs, _) in enumerate(PUBLISHED_PLAYLISTS) for _ in songs]


def _popularity(settings: SyntheticSettings, published: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A Zipf-Mandelbrot tail; the published songs hold places among the most popular tenth."""
    places = rng.permutation(settings.songs)
    reserved = rng.permutation(max(settings.songs // 10, published))[:published]
    rank = np.concatenate([reserved, places[~np.isin(places, reserved)]])
    weight = (rank + 10.0) ** -settings.popularity_exponent
    popularity: NDArray[np.float64] = weight / weight.sum()
    return popularity


def _texts(cluster: NDArray[np.intp], rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """Titles and artists, English in the English cluster; an artist keeps to one cluster."""
    taken = set(PUBLISHED_ARTISTS)
    titles, names = [""] * len(cluster), [""] * len(cluster)
    for number in range(len(CLUSTER_NAMES)):
        songs = np.flatnonzero(cluster == number)
        english = number == ENGLISH_CLUSTER
        own = artists(max(1, len(songs) // SONGS_PER_ARTIST), rng, english=english)
        for song, pick in zip(songs, rng.integers(0, len(own), len(songs)), strict=True):
            names[song] = own[pick]
        if english:
            _put(titles, songs, english_titles(len(songs), rng))
    chinese = np.flatnonzero(cluster != ENGLISH_CLUSTER)
    fresh = [title for title in chinese_titles(len(chinese) + len(taken), rng) if title not in taken]
    _put(titles, chinese, fresh[: len(chinese)])
    return titles, names


def _put(titles: list[str], songs: NDArray[np.intp], texts: list[str]) -> None:
    for song, text in zip(songs, texts, strict=True):
        titles[song] = text
