"""Writing a bundle: all files into a folder beside the target, verified there, and then renamed into place."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from export.errors import ExportError
from export.model_card import model_card
from export.run_folder import Run
from worker.contract.bundle import MANIFEST, Calibration, GoldenCase, SongList
from worker.contract.manifest import FILES, FORMAT, Manifest, Signature, SongHash, StoredFile
from worker.contract.vocabulary import HASH, SEED, song_keys
from worker.errors import Reject


def order_by_key(run: Run) -> tuple[Run, NDArray[np.uint64]]:
    """The run with its songs in the order of their keys, and the keys. Raises ExportError for a collision."""
    ids = run.songs.ids
    try:
        keys = song_keys(ids)
    except Reject as error:
        raise ExportError(f"the run's songs cannot be served: {error}. Correct the data and train again.") from error
    order = np.argsort(keys, kind="stable")
    repeated = np.flatnonzero(np.diff(keys[order]) == 0)
    if len(repeated):
        first, second = ids[order[repeated[0]]], ids[order[repeated[0] + 1]]
        raise ExportError(
            f"songs {first!r} and {second!r} have the same key, so the worker could not tell them apart. "
            "Rename or drop one of them in the data and train again."
        )
    columns = msgspec.structs.astuple(run.songs)
    songs = SongList(*([column[row] for row in order] for column in columns))
    return run._replace(weights=run.weights._replace(table=run.weights.table[order]), songs=songs), keys[order]


def bundle_files(
    run: Run,
    keys: NDArray[np.uint64],
    models: dict[str, bytes],
    golden: list[GoldenCase],
    signatures: dict[str, Signature],
    name: str,
) -> dict[str, bytes]:
    """Every file of the bundle of `run`, whose songs are in the order of `keys`."""
    calibration = Calibration(genders=run.facts.genders, **msgspec.structs.asdict(run.facts.calibration))
    contents = {f"{model}.onnx": raw for model, raw in models.items()} | {
        "vocabulary.npy": _npy(keys),
        "calibration.json": _json(calibration),
        "clusters.json": _json(run.clusters),
        "distribution.json": _json(run.facts.distribution),
        "golden.json": _json(golden),
        "songs.json": msgspec.json.encode(run.songs),
    }
    version = f"{name}-{run.facts.created:%Y.%m.%d}-{_digest(contents)[:8]}"
    contents["model_card.md"] = model_card(run, version)
    manifest = Manifest(
        format=FORMAT,
        version=version,
        created=run.facts.created,
        hash=SongHash(HASH, SEED),
        units=len(run.weights.bias),
        models=signatures,
        files={file: StoredFile(len(contents[file]), hashlib.sha256(contents[file]).hexdigest()) for file in FILES},
    )
    return contents | {MANIFEST: _json(manifest)}


def _digest(contents: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(contents):
        digest.update(hashlib.sha256(contents[name]).digest())
    return digest.hexdigest()


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def _npy(keys: NDArray[np.uint64]) -> bytes:
    file = BytesIO()
    np.save(file, keys, allow_pickle=False)
    return file.getvalue()


def check_target(out: Path) -> None:
    """Raise ExportError unless `out` is free, empty, or a bundle and nothing else."""
    if not out.exists() and not out.is_symlink():
        return
    if out.is_symlink() or not out.is_dir():
        raise ExportError(f"{out} exists and is not a folder. Give another --out.")
    found = {file.name for file in out.iterdir()}
    if found and (MANIFEST not in found or found - {MANIFEST, *FILES}):
        raise ExportError(
            f"{out} holds something else than a bundle and is left as it is. Give another --out, or empty it."
        )


def write_bundle(out: Path, contents: dict[str, bytes], check: Callable[[Path], None]) -> None:
    """Write `contents`, let `check` look at them, and put them in `out`'s place; nothing is left there if it raises.

    A bundle that was there is moved aside for the moment of the change: a reader finds the old one, the new one, or
    none, and never half of one.
    """
    check_target(out)
    with _folder_beside(out) as folder:
        for name, content in contents.items():
            _write_durably(folder / name, content)
        _sync_folder(folder)
        check(folder)
        _replace(folder, out)
        _sync_folder(out.parent)


@contextmanager
def _folder_beside(out: Path) -> Iterator[Path]:
    """A new folder on the same file system; whatever is still there at the end goes."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    folder.chmod(0o755)  # the worker that reads it is often another user
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replace(folder: Path, out: Path) -> None:
    if not out.exists() or not any(out.iterdir()):
        folder.rename(out)  # an empty folder gives way
        return
    aside = folder.with_name(f"{folder.name}.old")
    out.rename(aside)
    try:
        folder.rename(out)
    except OSError:
        aside.rename(out)
        raise
    shutil.rmtree(aside)
