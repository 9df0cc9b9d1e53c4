"""The bundle: the folder that carries a model from training to the stream, and how it is read without trusting it.

Every byte that is used was compared with the manifest's digest first; nothing is unpickled, nothing outside the folder
is followed, and sizes are known before anything is read.
"""

import hashlib
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from worker.contract.manifest import FILES, FORMAT, MODELS, Manifest, StoredFile, Strict, signatures
from worker.contract.user_label import Abstention
from worker.contract.vocabulary import HASH, SEED, Vocabulary

MANIFEST = "manifest.json"
MAX_BYTES = 4 << 30
"""Most bytes that a bundle's files may have in all."""
_MAX_MANIFEST_BYTES = 1 << 20
_KEPT = [name for name in FILES if name not in ("songs.json", "model_card.md")]

T = TypeVar("T")
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class BundleError(Exception):
    """The bundle cannot be used. The message says which file, what was found and expected, and what to do."""


class Calibration(Strict, frozen=True):
    genders: Annotated[list[str], msgspec.Meta(min_length=2)]
    """Classes, in the order of the gender model's columns."""
    temperature: Annotated[float, msgspec.Meta(gt=0)]
    """Already part of the gender model; kept to be read."""
    threshold: Share
    """Least calibrated probability at which a gender is published."""
    min_known_songs: Annotated[int, msgspec.Meta(ge=0)]
    precision: Share
    """Share of right genders among those published, on held-out users."""
    coverage: Share
    """Share of held-out users who get a gender."""

    @property
    def abstention(self) -> Abstention:
        return Abstention(self.threshold, self.min_known_songs)


class TypicalSong(Strict, frozen=True):
    song_id: str
    title: str
    lift: float
    """How many times as common in the cluster as among all users."""


class ClusterProfile(Strict, frozen=True):
    """A cluster of taste; its position in the list is its id and its column of the cluster model."""

    id: int
    name: str
    size: Share
    """Share of the training users."""
    songs: list[TypicalSong]


class GoldenCase(Strict, frozen=True):
    """A playlist, some of whose songs may be unknown, and the probabilities that TensorFlow gave it."""

    songs: list[str]
    gender: list[float]
    cluster: list[float]


class SongList(Strict, frozen=True):
    """The songs of the vocabulary as columns, in the order of its rows; empty strings where training knew no title."""

    ids: list[str]
    titles: list[str]
    artists: list[str]
    users: list[int]
    """How many training users have the song."""


class Bundle(NamedTuple):
    """A verified bundle."""

    path: Path
    manifest: Manifest
    models: dict[str, bytes]
    """The ONNX files `encoder`, `gender` and `cluster`, as verified."""
    vocabulary: Vocabulary
    calibration: Calibration
    clusters: list[ClusterProfile]
    distribution: dict[str, object]
    """What the model said of held-out users in training: the reference for drift."""
    golden: list[GoldenCase]

    @property
    def version(self) -> str:
        return self.manifest.version


def load_bundle(path: Path, max_bytes: int = MAX_BYTES) -> Bundle:
    """The bundle in the folder `path`, every file verified. Raises BundleError for damage of any kind."""
    with _opened(path) as folder:
        manifest = _read_manifest(folder, max_bytes)
        for name in FILES:
            if name not in _KEPT:
                folder.verify(name, manifest.files[name])
        kept = {name: folder.read_verified(name, manifest.files[name]) for name in _KEPT}
        bundle = Bundle(
            path,
            manifest,
            {name: kept[f"{name}.onnx"] for name in MODELS},
            _vocabulary(folder, kept["vocabulary.npy"]),
            folder.decode("calibration.json", kept["calibration.json"], Calibration),
            folder.decode("clusters.json", kept["clusters.json"], list[ClusterProfile]),
            folder.decode("distribution.json", kept["distribution.json"], dict[str, object]),
            folder.decode("golden.json", kept["golden.json"], list[GoldenCase]),
        )
        _check_agreement(folder, bundle)
        return bundle


def read_songs(bundle: Bundle) -> SongList:
    """The titles of a loaded bundle's songs, which the stream does not need. Raises BundleError."""
    with _opened(bundle.path) as folder:
        raw = folder.read_verified("songs.json", bundle.manifest.files["songs.json"])
        songs = folder.decode("songs.json", raw, SongList)
        lengths = {len(songs.ids), len(songs.titles), len(songs.artists), len(songs.users)}
        if lengths != {len(bundle.vocabulary)}:
            raise folder.damaged("songs.json", f"its columns have {sorted(lengths)} songs", f"{len(bundle.vocabulary)}")
        return songs


class _Folder:
    """An open bundle folder: files are opened relative to it, so one that replaces it meanwhile is never mixed in."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor

    def damaged(self, name: str, found: str, expected: str) -> BundleError:
        return BundleError(
            f"{self.path / name}: {found}; expected {expected}. The bundle is damaged: copy or export it again."
        )

    @contextmanager
    def open(self, name: str) -> Iterator[io.BufferedReader]:
        try:
            # O_NONBLOCK: opening a pipe that somebody put there must not wait for its other end.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            file = os.fdopen(os.open(name, flags, dir_fd=self._descriptor), "rb")
        except OSError as error:
            found = "it is a symbolic link" if (self.path / name).is_symlink() else f"cannot be read ({error.strerror})"
            raise self.damaged(name, found, "a readable plain file") from error
        with file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise self.damaged(name, "it is not a plain file", "a readable plain file")
            yield file

    def read_verified(self, name: str, stored: StoredFile) -> bytes:
        with self.open(name) as file:
            self._check_size(name, file, stored)
            raw = file.read(stored.size)
        self._check_digest(name, hashlib.sha256(raw).hexdigest(), stored)
        return raw

    def verify(self, name: str, stored: StoredFile) -> None:
        """Check a file that is not kept in memory."""
        with self.open(name) as file:
            self._check_size(name, file, stored)
            self._check_digest(name, hashlib.file_digest(file, "sha256").hexdigest(), stored)

    def decode(self, name: str, raw: bytes, type_: type[T]) -> T:
        try:
            return msgspec.json.decode(raw, type=type_)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self.damaged(name, f"it does not follow the bundle's format ({error})", f"format {FORMAT}") from error

    def _check_size(self, name: str, file: io.BufferedReader, stored: StoredFile) -> None:
        size = os.fstat(file.fileno()).st_size
        if size != stored.size:
            raise self.damaged(name, f"it has {size} bytes", f"{stored.size} as in {MANIFEST}")

    def _check_digest(self, name: str, digest: str, stored: StoredFile) -> None:
        if digest != stored.sha256:
            raise self.damaged(name, f"its SHA-256 is {digest}", f"{stored.sha256} as in {MANIFEST}")


@contextmanager
def _opened(path: Path) -> Iterator[_Folder]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise BundleError(
            f"{path}: the bundle's folder cannot be opened ({error.strerror}). Give the folder that "
            "`python -m export RUN --out DIR` wrote."
        ) from error
    try:
        yield _Folder(path, descriptor)
    finally:
        os.close(descriptor)


def _read_manifest(folder: _Folder, max_bytes: int) -> Manifest:
    with folder.open(MANIFEST) as file:
        size = os.fstat(file.fileno()).st_size
        if size > _MAX_MANIFEST_BYTES:
            raise folder.damaged(MANIFEST, f"it has {size} bytes", f"at most {_MAX_MANIFEST_BYTES}")
        raw = file.read(size)
    version = folder.decode(MANIFEST, raw, _FormatOnly).format
    if version != FORMAT:
        raise BundleError(
            f"{folder.path / MANIFEST}: the bundle has format {version}; this worker reads format {FORMAT}. "
            "Export the model with the same release of Songprint as the worker's."
        )
    manifest = folder.decode(MANIFEST, raw, Manifest)
    _check_files(folder, manifest, max_bytes)
    if (manifest.hash.name, manifest.hash.seed) != (HASH, SEED):
        found = f"songs are hashed with {manifest.hash.name}, seed {manifest.hash.seed}"
        raise BundleError(
            f"{folder.path / MANIFEST}: {found}; this worker uses {HASH}, seed {SEED}, and would know none of the "
            "songs. Export the model with the same release of Songprint as the worker's."
        )
    return manifest


class _FormatOnly(msgspec.Struct):
    format: int


def _check_files(folder: _Folder, manifest: Manifest, max_bytes: int) -> None:
    if set(manifest.files) != set(FILES):
        wrong = sorted(set(manifest.files) ^ set(FILES))
        raise folder.damaged(MANIFEST, f"missing or unknown in its list of files: {', '.join(wrong)}", ", ".join(FILES))
    total = sum(file.size for file in manifest.files.values())
    if total > max_bytes:
        raise BundleError(
            f"{folder.path / MANIFEST}: the bundle's files have {total} bytes in all; at most {max_bytes} are read. "
            "Train with fewer songs or units, or look whether this is a bundle of yours."
        )


def _vocabulary(folder: _Folder, raw: bytes) -> Vocabulary:
    name = "vocabulary.npy"
    try:
        keys: NDArray[np.uint64] = np.load(io.BytesIO(raw), allow_pickle=False)
        return Vocabulary(keys)
    except Exception as error:  # numpy lets out whatever its parser of headers stumbles over
        raise folder.damaged(name, f"it is not a vocabulary ({error})", "a plain .npy of sorted uint64 keys") from error


def _check_agreement(folder: _Folder, bundle: Bundle) -> None:
    """The files agree on how many genders and clusters there are, and the models are of the known kind."""
    genders, clusters = len(bundle.calibration.genders), len(bundle.clusters)
    if bundle.manifest.models != signatures(bundle.manifest.units, genders, clusters):
        expected = f"those of {bundle.manifest.units} units, {genders} genders and {clusters} clusters"
        raise folder.damaged(MANIFEST, "its models' inputs and outputs are others", expected)
    if [cluster.id for cluster in bundle.clusters] != list(range(clusters)):
        raise folder.damaged("clusters.json", "the clusters' ids are not in order", f"0 to {clusters - 1}")
    if not bundle.golden:
        raise folder.damaged("golden.json", "it holds no case", "at least one golden case")
    if any(len(case.gender) != genders or len(case.cluster) != clusters for case in bundle.golden):
        raise folder.damaged("golden.json", "a case has another number of probabilities", f"{genders} and {clusters}")
