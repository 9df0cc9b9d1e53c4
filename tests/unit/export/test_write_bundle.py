"""A bundle appears whole or not at all, and never in the place of something else."""

import os
from pathlib import Path

import numpy as np
import pytest

from export.errors import ExportError
from export.run_folder import read_run
from export.write_bundle import check_target, order_by_key, write_bundle
from tests.small_run import write_small_run
from worker.contract.vocabulary import song_keys

CONTENTS = {"manifest.json": b"{}", "encoder.onnx": b"new"}


def accept(folder: Path) -> None:
    """Checks nothing."""


def refuse(folder: Path) -> None:
    assert (folder / "encoder.onnx").read_bytes() == b"new"
    raise ExportError("differs")


@pytest.mark.parametrize("before", ["nothing", "an empty folder", "a bundle"])
def test_a_bundle_takes_its_place(tmp_path: Path, before: str) -> None:
    out = tmp_path / "models" / "bundle"
    if before != "nothing":
        out.mkdir(parents=True)
    if before == "a bundle":
        (out / "manifest.json").write_bytes(b"old")
        (out / "gender.onnx").write_bytes(b"old")

    write_bundle(out, CONTENTS, accept)

    assert {file.name: file.read_bytes() for file in out.iterdir()} == CONTENTS
    assert os.listdir(out.parent) == ["bundle"]


def test_a_refused_bundle_leaves_the_old_one_as_it_was(tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    write_bundle(out, {"manifest.json": b"old"}, accept)

    with pytest.raises(ExportError, match="differs"):
        write_bundle(out, CONTENTS, refuse)

    assert {file.name: file.read_bytes() for file in out.iterdir()} == {"manifest.json": b"old"}
    assert os.listdir(tmp_path) == ["bundle"]


def test_other_users_may_read_a_bundle(tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle", CONTENTS, accept)

    assert (tmp_path / "bundle").stat().st_mode & 0o777 == 0o755


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_bytes(b"{}")
    (tmp_path / "thesis.txt").write_bytes(b"years of work")

    with pytest.raises(ExportError, match="holds something else than a bundle and is left as it is"):
        write_bundle(tmp_path, CONTENTS, accept)

    assert (tmp_path / "thesis.txt").read_bytes() == b"years of work"


def test_a_target_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path)

    for name in ("file", "link"):
        with pytest.raises(ExportError, match=f"{name} exists and is not a folder"):
            check_target(tmp_path / name)


def test_rows_are_put_in_the_order_of_their_keys(tmp_path: Path) -> None:
    run = read_run(write_small_run(tmp_path))

    ordered, keys = order_by_key(run)

    assert np.all(keys[1:] > keys[:-1])
    assert np.array_equal(song_keys(ordered.songs.ids), keys)
    for row in (0, 99, 199):
        before = run.songs.ids.index(ordered.songs.ids[row])
        assert np.array_equal(ordered.weights.table[row], run.weights.table[before])
        assert ordered.songs.titles[row] == run.songs.titles[before]


def test_a_collision_names_both_songs(tmp_path: Path) -> None:
    run = read_run(write_small_run(tmp_path))
    run.songs.ids[7] = "s150"

    with pytest.raises(ExportError, match="songs 's150' and 's150' have the same key"):
        order_by_key(run)


def test_a_song_that_no_event_can_name_is_refused(tmp_path: Path) -> None:
    run = read_run(write_small_run(tmp_path))
    run.songs.ids[7] = "s" * 257

    with pytest.raises(ExportError, match="cannot be served: a song id has 257 bytes"):
        order_by_key(run)
