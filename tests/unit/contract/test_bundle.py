"""A bundle is verified before it is used: every kind of damage is refused with a message that names it."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.small_bundle import edit_json, replace_file
from tests.small_run import DISTRIBUTION
from worker.contract.bundle import BundleError, load_bundle, read_songs
from worker.contract.manifest import FILES
from worker.contract.vocabulary import song_keys


def npy(array: Any, allow_pickle: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def test_a_bundle_holds_what_was_exported(small_bundle: Path) -> None:
    bundle = load_bundle(small_bundle)

    assert bundle.version.startswith("small-2026.11.21-")
    assert bundle.manifest.units == 8
    assert bundle.calibration.genders == ["f", "m"]
    assert bundle.calibration.abstention == (0.6, 3)
    assert [cluster.name for cluster in bundle.clusters] == ["Cluster 0", "Cluster 1", "Cluster 2"]
    assert bundle.clusters[0].songs[0].title == "Song 0"
    assert bundle.distribution == DISTRIBUTION
    assert np.array_equal(bundle.vocabulary.keys, np.sort(song_keys(f"s{row}" for row in range(200))))


def test_songs_stand_in_the_order_of_the_vocabulary(small_bundle: Path) -> None:
    bundle = load_bundle(small_bundle)
    songs = read_songs(bundle)

    assert np.array_equal(song_keys(songs.ids), bundle.vocabulary.keys)
    assert songs.titles == [f"Song {song_id[1:]}" for song_id in songs.ids]
    assert songs.users == [200 - int(song_id[1:]) for song_id in songs.ids]


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_refused(bundle_copy: Path, name: str) -> None:
    content = bytearray((bundle_copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle_copy / name).write_bytes(content)

    with pytest.raises(BundleError, match=f"{name}: its SHA-256 is .* expected .* as in manifest.json"):
        load_bundle(bundle_copy)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_refused(bundle_copy: Path, name: str) -> None:
    os.truncate(bundle_copy / name, 10)

    with pytest.raises(BundleError, match=f"{name}: it has 10 bytes; expected"):
        load_bundle(bundle_copy)


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
def test_a_missing_file_is_refused(bundle_copy: Path, name: str) -> None:
    (bundle_copy / name).unlink()

    with pytest.raises(BundleError, match=rf"{name}: cannot be read \(No such file"):
        load_bundle(bundle_copy)


@pytest.mark.parametrize("name", ["encoder.onnx", "songs.json", "manifest.json"])
def test_a_symbolic_link_is_refused(bundle_copy: Path, tmp_path: Path, name: str) -> None:
    (bundle_copy / name).rename(tmp_path / "elsewhere")
    (bundle_copy / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(BundleError, match=f"{name}: it is a symbolic link"):
        load_bundle(bundle_copy)


def test_a_pipe_is_refused_without_waiting_for_a_writer(bundle_copy: Path) -> None:
    (bundle_copy / "golden.json").unlink()
    os.mkfifo(bundle_copy / "golden.json")

    with pytest.raises(BundleError, match=r"golden.json: it is not a plain file"):
        load_bundle(bundle_copy)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"nowhere: the bundle's folder cannot be opened .*python -m export"):
        load_bundle(tmp_path / "nowhere")


def test_a_link_to_the_whole_folder_is_followed(small_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(small_bundle)

    assert load_bundle(tmp_path / "current").manifest == load_bundle(small_bundle).manifest


def test_sizes_are_limited_before_anything_is_read(bundle_copy: Path) -> None:
    (bundle_copy / "encoder.onnx").unlink()

    with pytest.raises(BundleError, match=r"bytes in all; at most 1000 are read"):
        load_bundle(bundle_copy, max_bytes=1000)


def test_an_oversized_manifest_is_not_read(bundle_copy: Path) -> None:
    with (bundle_copy / "manifest.json").open("ab") as file:
        file.write(b" " * (1 << 20))

    with pytest.raises(BundleError, match=r"manifest.json: it has .* bytes; expected at most 1048576"):
        load_bundle(bundle_copy)


Edit = Callable[[Any], object]
MANIFESTS: dict[str, tuple[Edit, str]] = {
    "extra key": (lambda m: m.update(author="x"), "contains unknown field `author`"),
    "missing key": (lambda m: m.pop("hash"), "missing required field `hash`"),
    "wrong type": (lambda m: m.update(units="8"), r"Expected `int`, got `str` - at `\$.units`"),
    "no digest": (lambda m: m["files"]["gender.onnx"].update(sha256="0"), "matching regex"),
    "file outside": (lambda m: m["files"].update({"../x": m["files"]["golden.json"]}), r"list of files: \.\./x;"),
    "file left out": (lambda m: m["files"].pop("cluster.onnx"), r"list of files: cluster\.onnx;"),
    "newer format": (lambda m: m.update(format=2, more={}), "has format 2; this worker reads format 1"),
    "another hash": (lambda m: m["hash"].update(name="md5"), "hashed with md5, seed .* would know none of the songs"),
    "another seed": (lambda m: m["hash"].update(seed=7), "seed 7; this worker uses xxh3_64"),
    "another signature": (
        lambda m: m["models"]["gender"]["outputs"][0].update(shape=["playlists", 3]),
        "inputs and outputs are others; expected those of 8 units, 2 genders and 3 clusters",
    ),
    "a model too many": (lambda m: m["models"].update(age=m["models"]["gender"]), "inputs and outputs are others"),
}


@pytest.mark.parametrize(("edit", "message"), MANIFESTS.values(), ids=MANIFESTS.keys())
def test_a_wrong_manifest_is_refused(bundle_copy: Path, edit: Edit, message: str) -> None:
    edit_json(bundle_copy, "manifest.json", edit)

    with pytest.raises(BundleError, match=f"manifest.json: .*{message}"):
        load_bundle(bundle_copy)


CONTENTS: dict[str, tuple[str, Edit, str]] = {
    "threshold above one": ("calibration.json", lambda c: c.update(threshold=1.5), r"`\$.threshold`"),
    "extra key": ("calibration.json", lambda c: c.update(x=1), "unknown field `x`"),
    "ids out of order": ("clusters.json", lambda c: c.reverse(), "ids are not in order; expected 0 to 2"),
    "a cluster less": ("clusters.json", lambda c: c.pop(), "inputs and outputs are others"),
    "no golden case": ("golden.json", lambda c: c.clear(), "holds no case"),
    "short golden case": ("golden.json", lambda c: c[3]["cluster"].pop(), "another number of probabilities"),
}


@pytest.mark.parametrize(("name", "edit", "message"), CONTENTS.values(), ids=CONTENTS.keys())
def test_files_that_do_not_agree_are_refused(bundle_copy: Path, name: str, edit: Edit, message: str) -> None:
    edit_json(bundle_copy, name, edit)

    with pytest.raises(BundleError, match=message):
        load_bundle(bundle_copy)


KEYS = np.arange(200, dtype=np.uint64)
VOCABULARIES: dict[str, tuple[bytes, str]] = {
    "pickle": (npy(np.array([object()]), allow_pickle=True), "allow_pickle=False"),
    "bare pickle": (b"\x80\x04K\x01.", "pickle"),
    "signed keys": (npy(KEYS.astype(np.int64)), "strictly increasing uint64"),
    "a repeated key": (npy(np.repeat(KEYS, 2)), "a repeated key is a collision"),
    "out of order": (npy(KEYS[::-1]), "strictly increasing"),
    "two dimensions": (npy(KEYS.reshape(2, 100)), "vector"),
    "empty file": (b"", "No data left"),
    "cut off": (npy(KEYS)[:-4], "not a vocabulary"),
    "open bracket": (npy(KEYS).replace(b"(200,), }      ", b"(200,), }     ["), "not a vocabulary"),
    "absurd size": (npy(KEYS).replace(b"(200,), }", b"(2000000000000000,), }"), "not a vocabulary"),
}


@pytest.mark.parametrize(("content", "message"), VOCABULARIES.values(), ids=VOCABULARIES.keys())
def test_a_wrong_vocabulary_is_refused(bundle_copy: Path, content: bytes, message: str) -> None:
    replace_file(bundle_copy, "vocabulary.npy", content)

    with pytest.raises(BundleError, match=f"vocabulary.npy: .*{message}.*plain .npy of sorted uint64 keys"):
        load_bundle(bundle_copy)


@pytest.mark.parametrize("name", ["golden.json", "clusters.json", "calibration.json", "distribution.json"])
@pytest.mark.parametrize("content", [b"", b"\xff", b"[" * 100_000, b"17"])
def test_what_is_not_json_of_the_format_is_refused(bundle_copy: Path, name: str, content: bytes) -> None:
    replace_file(bundle_copy, name, content)

    with pytest.raises(BundleError, match=f"{name}: it does not follow the bundle's format"):
        load_bundle(bundle_copy)


def test_songs_that_do_not_fit_the_vocabulary_are_refused(bundle_copy: Path) -> None:
    edit_json(bundle_copy, "songs.json", lambda songs: songs["titles"].pop())

    with pytest.raises(BundleError, match=r"songs.json: its columns have \[199, 200\] songs; expected 200"):
        read_songs(load_bundle(bundle_copy))


def test_songs_that_changed_after_loading_are_refused(bundle_copy: Path) -> None:
    bundle = load_bundle(bundle_copy)
    content = (bundle_copy / "songs.json").read_bytes()
    (bundle_copy / "songs.json").write_bytes(content.replace(b"Song 1", b"Song 2", 1))

    with pytest.raises(BundleError, match=r"songs.json: its SHA-256"):
        read_songs(bundle)
