"""What the report shows of a run of song vectors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training.song_vectors.lookup import SongLookup
from training.song_vectors.neighbours import unit_length
from training.song_vectors.run_files import VectorRun, read_vector_run

CENTRAL = 8
"""Songs that stand for a cluster."""

SHOWN = 12
"""Songs whose neighbours are listed, and how many: the best known."""

NEIGHBOURS = 6


@dataclass(frozen=True)
class Cluster:
    """`songs` are those of its best known that lie nearest to its middle; `size` is its share of all songs."""

    number: int
    size: float
    genre: str
    songs: list[str]


@dataclass(frozen=True)
class VectorEvidence:
    """A run as it was written, and what can be read off it."""

    run: VectorRun
    # float64 [songs, 2]; NaN where a song is not on the map.
    places: NDArray[np.float64]
    # int64 [songs]
    cluster: NDArray[np.int64]
    clusters: list[Cluster]
    # A song, and those nearest to it.
    neighbours: list[tuple[str, list[str]]]

    @property
    def summary(self) -> dict[str, Any]:
        return self.run.summary

    @property
    def history(self) -> list[dict[str, Any]]:
        return list(self.run.history)

    @property
    def names(self) -> pa.Table:
        return self.run.names


def read_vector_evidence(path: Path) -> VectorEvidence:
    """Raises RunError where the folder is no complete run of song vectors."""
    run = read_vector_run(path)
    cluster = run.songs["cluster"].to_numpy()
    lookup, unit = SongLookup(run.songs), unit_length(run.vectors)
    frequency = run.songs["known"].to_numpy()
    return VectorEvidence(
        run=run,
        places=np.stack([run.songs["map_x"].to_numpy(), run.songs["map_y"].to_numpy()], axis=1),
        cluster=cluster,
        clusters=[_describe(number, run, unit, lookup) for number in range(run.summary["clusters"])],
        neighbours=_neighbours(unit, frequency, lookup),
    )


def _describe(number: int, run: VectorRun, unit: NDArray[np.float32], lookup: SongLookup) -> Cluster:
    members = np.flatnonzero(run.songs["cluster"].to_numpy() == number)
    frequency = run.songs["known"].to_numpy()[members]
    # The middle of a cluster may be held by songs that nobody knows.
    known = members[np.argsort(-frequency, kind="stable")[: max(CENTRAL, len(members) // 10)]]
    middle = unit[members].sum(axis=0)
    central = known[np.argsort(-(unit[known] @ middle), kind="stable")[:CENTRAL]]
    genres = [genre for genre in run.songs["genre_group"].take(pa.array(members)).to_pylist() if genre]
    commonest = max(sorted(set(genres)), key=genres.count, default="")
    share = f"{commonest} ({genres.count(commonest) / len(genres):.0%})" if genres else ""
    return Cluster(number, len(members) / len(unit), share, [lookup.describe(int(row)) for row in central])


def _neighbours(
    unit: NDArray[np.float32], frequency: NDArray[np.int64], lookup: SongLookup
) -> list[tuple[str, list[str]]]:
    listed = []
    for row in np.argsort(-frequency, kind="stable")[:SHOWN]:
        cosine = unit @ unit[row]
        cosine[row] = -2
        nearest = np.argsort(-cosine, kind="stable")[:NEIGHBOURS]
        listed.append((lookup.describe(int(row)), [lookup.describe(int(other)) for other in nearest]))
    return listed
