"""The users of a synthetic folder, and what they sing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.datasets.playlists import GENDERS
from training.synthetic.catalogue import Catalogue
from training.synthetic.settings import CLUSTER_NAMES, SyntheticSettings

MAX_SONGS = 600
FEMALE = GENDERS.index("f")


@dataclass(frozen=True)
class Audience:
    """One entry per user."""

    user_ids: list[str]
    # intp [users], index into GENDERS.
    gender: NDArray[np.intp]
    # intp [users]: the gender whose taste the user has; the other one for those who cross over.
    taste: NDArray[np.intp]
    # intp [users], index into CLUSTER_NAMES.
    cluster: NDArray[np.intp]


def make_audience(settings: SyntheticSettings, rng: np.random.Generator) -> Audience:
    """Users with a gender, a taste and a cluster; clusters are of unequal size."""
    female = rng.random(settings.users) < settings.female_share
    gender = np.where(female, FEMALE, 1 - FEMALE)
    crosses = rng.random(settings.users) < settings.crossing_share
    share = rng.dirichlet(np.full(len(CLUSTER_NAMES), 8.0))
    width = len(str(settings.users))
    return Audience(
        user_ids=[f"u{number:0{width}d}" for number in range(1, settings.users + 1)],
        gender=gender,
        taste=np.where(crosses, 1 - gender, gender),
        cluster=rng.choice(len(CLUSTER_NAMES), settings.users, p=share),
    )


def draw_plays(
    settings: SyntheticSettings, songs: Catalogue, users: Audience, rng: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Distinct (user, song) pairs as two int arrays [plays], in the order of users."""
    lengths = rng.lognormal(np.log(settings.median_songs), settings.length_spread, settings.users)
    user = np.repeat(np.arange(settings.users), np.clip(lengths.round(), 1, MAX_SONGS).astype(np.intp))
    focused = rng.random(len(user)) < settings.cluster_focus
    # Each draw comes from one of these urns: a cluster (or all songs) as seen by one gender.
    everything = len(CLUSTER_NAMES)
    cluster = np.where(focused, users.cluster[user], everything)
    urn = cluster * len(GENDERS) + users.taste[user]
    song = np.empty(len(user), dtype=np.intp)
    for number in np.unique(urn):
        drawn = np.flatnonzero(urn == number)
        song[drawn] = _draw(songs, *divmod(int(number), len(GENDERS)), rng.random(len(drawn)))
    pairs = np.unique(user * np.int64(settings.songs) + song)
    return pairs // settings.songs, pairs % settings.songs


def _draw(songs: Catalogue, cluster: int, taste: int, at: NDArray[np.float64]) -> NDArray[np.intp]:
    """Songs at the quantiles `at` of one urn."""
    weight = songs.popularity * np.exp(songs.skew * (0.5 if taste == FEMALE else -0.5))
    if cluster < len(CLUSTER_NAMES):
        weight = weight * (songs.cluster == cluster)
    bounds = np.cumsum(weight)
    drawn: NDArray[np.intp] = np.searchsorted(bounds, at * bounds[-1], side="right")
    return drawn
