"""Data folders of images: arrays and IDX files give the same, and bad ones are refused with a reason."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from tests.unit.training.test_idx_file import idx
from training.datasets.images import images_digest, require_clusters
from training.datasets.load_images import load_images
from training.errors import DataError

PIXELS = np.arange(60, dtype=np.uint8).reshape(5, 3, 4) * 4
LABELS = np.array([7, 1, 7, 1, 3], np.uint8)


def test_arrays_and_idx_files_give_the_same(tmp_path: Path) -> None:
    arrays, files = tmp_path / "arrays", tmp_path / "files"
    for folder in (arrays, files):
        folder.mkdir()
    np.save(arrays / "x.npy", PIXELS)
    np.save(arrays / "y.npy", LABELS)
    (files / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(PIXELS)))
    (files / "t10k-labels-idx1-ubyte").write_bytes(idx(LABELS))
    ours, theirs = load_images(arrays), load_images(files)
    assert np.allclose(ours.values, PIXELS / 255)
    assert ours.values.dtype == np.float32
    assert ours.truth is not None
    assert ours.truth.names == ("1", "3", "7")
    assert ours.truth.labels.tolist() == [2, 0, 2, 0, 1]
    assert images_digest(ours) == images_digest(theirs)
    np.save(arrays / "y.npy", LABELS[::-1])
    assert images_digest(load_images(arrays)) != images_digest(theirs)


@pytest.mark.parametrize(
    ("values", "span"),
    [
        (np.array([[0.0, 0.25], [0.5, 1.0]]), (0, 1)),
        (np.array([[-3.0, 1.0], [5.0, 0.0]]), (-3, 5)),
        (np.array([[True, False], [False, False]]), (0, 1)),
        (np.array([[10, 500], [20, 30]], np.int32), (10, 500)),
    ],
)
def test_everything_is_brought_between_0_and_1(values: np.ndarray, span: tuple[float, float], tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", values)
    images = load_images(tmp_path)
    assert images.span == span
    assert images.truth is None
    assert np.allclose(images.values * (span[1] - span[0]) + span[0], values, atol=1e-4)


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        (np.zeros(7), None, "has the shape (7,)"),
        (np.zeros((0, 8, 8)), None, "has the shape (0, 8, 8)"),
        (np.array([["a"]]), None, "write whole numbers or floats"),
        (np.array([PIXELS[0], PIXELS[1, :2]], dtype=object), None, "write all images, of one size, as one array"),
        (np.array([[1.0, np.nan], [np.inf, 0], [1, 1]]), None, "2 images hold values that are no numbers"),
        (PIXELS, LABELS[:4], "4 labels for 5 images"),
        (PIXELS, np.zeros((5, 2)), "labels are [images]"),
    ],
)
def test_refuses_what_cannot_be_learnt_from(x: np.ndarray, y: np.ndarray | None, says: str, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", x)
    if y is not None:
        np.save(tmp_path / "y.npy", y)
    with pytest.raises(DataError) as error:
        load_images(tmp_path)
    assert says in str(error.value)


def test_refuses_folders_without_or_with_too_many_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        load_images(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"has no images; add x\.npy"):
        load_images(tmp_path)
    (tmp_path / "x.npy").write_bytes(b"no array")
    with pytest.raises(DataError, match="cannot be read as a numpy array"):
        load_images(tmp_path)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(PIXELS))
    with pytest.raises(DataError, match=r"more than once: train-images-idx3-ubyte and x\.npy"):
        load_images(tmp_path)


def test_clusters_need_as_many_different_images(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.concatenate([np.zeros((200, 4)), np.eye(4)]))
    images = load_images(tmp_path)
    require_clusters(images, 5)
    with pytest.raises(DataError, match="6 clusters cannot be made of 5 different images"):
        require_clusters(images, 6)
    with pytest.raises(DataError, match="300 clusters cannot be made of 204 images"):
        require_clusters(images, 300)
