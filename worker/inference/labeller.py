"""The labeller: a bundle's models, ready to run."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from worker.contract.bundle import Bundle, BundleError, load_bundle
from worker.contract.features import Features, build_features
from worker.contract.vocabulary import ROW_TYPE, Vocabulary, song_keys
from worker.errors import Reject, Stop
from worker.inference.chunks import Chunk, songs_at_once, split
from worker.inference.golden_check import check_golden
from worker.inference.graph_check import check_graph
from worker.inference.joined_model import HEADS, join_models
from worker.inference.session import open_session

Probabilities = NDArray[np.float32]


class InferenceError(Exception):
    """The models gave no usable answer for the playlists `rows` of the batch; the others may be run again."""

    def __init__(self, rows: list[int], message: str) -> None:
        super().__init__(message)
        self.rows = rows


class Labeller:
    """Gender and cluster probabilities of playlists. It works outside the interpreter lock, on `threads` threads."""

    def __init__(self, bundle: Bundle, threads: int = 1) -> None:
        """A session from the bundle's verified bytes. Raises BundleError for a graph that may not or cannot run.

        The models are taken out of the bundle: a large one is in memory three times at the most while it is loaded.
        """
        models = {
            name: check_graph(f"{name}.onnx", bundle.models.pop(name), signature, len(bundle.vocabulary))
            for name, signature in bundle.manifest.models.items()
        }
        self._session = open_session("encoder.onnx with its heads", join_models(models))
        self._songs_at_once = songs_at_once(bundle.manifest.units)
        self._pool = ThreadPoolExecutor(threads, "labeller") if threads > 1 else None
        self.version = bundle.version
        self.created = bundle.manifest.created
        self.genders = bundle.calibration.genders
        self.cluster_names = [cluster.name for cluster in bundle.clusters]
        self.abstention = bundle.calibration.abstention
        self.vocabulary: Vocabulary = bundle.vocabulary
        self.distribution = bundle.distribution
        self.load_seconds = 0.0

    @classmethod
    def load(cls, bundle: Bundle, threads: int = 1, clock: Callable[[], float] = time.perf_counter) -> "Labeller":
        """A labeller that has given every golden answer. Raises BundleError."""
        start = clock()
        labeller = cls(bundle, threads)
        try:
            answers = labeller.run(labeller.features(case.songs for case in bundle.golden))
        except (InferenceError, Reject) as error:
            raise BundleError(f"{bundle.path / 'golden.json'}: {error}. Export the run again.") from error
        check_golden(bundle, *answers)
        labeller.load_seconds = clock() - start
        return labeller

    def features(self, playlists: Iterable[Iterable[str]]) -> Features:
        """Features of playlists given as song ids; unknown songs are left out. Raises Reject for a bad song id."""
        rows = (self.vocabulary.rows(song_keys(songs)) for songs in playlists)
        return build_features([found[found >= 0].astype(ROW_TYPE).tobytes() for found in rows])

    def run(self, features: Features) -> tuple[Probabilities, Probabilities]:
        """Gender float32 [B, 2] and cluster float32 [B, K] of B playlists. Raises InferenceError."""
        playlists = len(features.song_counts)
        gender = np.empty((playlists, len(self.genders)), np.float32)
        cluster = np.empty((playlists, len(self.cluster_names)), np.float32)

        def label(chunk: Chunk) -> None:
            gender[chunk.start : chunk.stop], cluster[chunk.start : chunk.stop] = self._label(chunk)

        self._for_each(label, split(features, self._songs_at_once))
        if not (np.isfinite(gender).all() and np.isfinite(cluster).all()):
            rows = np.flatnonzero(~(np.isfinite(gender).all(1) & np.isfinite(cluster).all(1))).tolist()
            raise InferenceError(rows, f"the model gave no finite probability for {len(rows)} of {playlists} playlists")
        return gender, cluster

    def _label(self, chunk: Chunk) -> tuple[Probabilities, Probabilities]:
        try:
            gender, cluster = self._session.run(HEADS, chunk.features._asdict())
            return gender, cluster
        except Exception as error:  # onnxruntime's errors share no class of their own
            rows = list(range(chunk.start, chunk.stop))
            raise InferenceError(rows, f"onnxruntime failed: {error}") from error

    def _for_each(self, step: Callable[[Chunk], None], chunks: Iterable[Chunk]) -> None:
        for _ in map(step, chunks) if self._pool is None else self._pool.map(step, chunks):
            pass


def open_labeller(path: Path, threads: int = 1) -> Labeller:
    """The labeller of the bundle in `path`. Raises Stop if the bundle cannot be used."""
    try:
        return Labeller.load(load_bundle(path), threads)
    except BundleError as error:
        raise Stop(str(error)) from error
