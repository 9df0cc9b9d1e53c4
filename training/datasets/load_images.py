"""Reading a data folder of images: `x.npy` and perhaps `y.npy`, or IDX files as MNIST has them."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.datasets.idx_file import read_idx
from training.datasets.images import Images, Truth, natural_span, scale
from training.errors import DataError

IMAGES = ("x.npy", "*images*ubyte", "*images*ubyte.gz")
LABELS = ("y.npy", "*labels*ubyte", "*labels*ubyte.gz")


def load_images(folder: Path) -> Images:
    """Images and, where the folder has them, labels.

    Raises DataError where there are no images or two files of them, where a file is damaged, where the images are empty
    or hold no numbers, and where there are more or fewer labels than images.
    """
    values = read_values(folder)
    span = natural_span(values)
    return Images(scale(values, span), span, _read_truth(folder, len(values)))


def read_values(folder: Path) -> NDArray[Any]:
    """The images as they are in the file: [images, ...] of finite numbers. Raises DataError like `load_images`."""
    path = _find(folder, IMAGES, "images")
    if path is None:
        raise DataError(f"{folder} has no images; add x.npy ([images, height, width]) or an IDX file ({IMAGES[2]})")
    values = _read(path)
    if values.ndim < 2 or not values.size:
        raise DataError(
            f"{path} has the shape {values.shape}; images are [images, height, width], perhaps with channels, or "
            "[images, features]"
        )
    if not (np.issubdtype(values.dtype, np.number) or values.dtype == np.bool_) or np.iscomplexobj(values):
        raise DataError(f"{path} holds {values.dtype}; write whole numbers or floats")
    if not np.isfinite(values).all():
        broken = len(np.unique(np.nonzero(~np.isfinite(values))[0]))
        raise DataError(f"{path}: {broken} images hold values that are no numbers; leave them out or mend them")
    return values


def _read_truth(folder: Path, images: int) -> Truth | None:
    path = _find(folder, LABELS, "labels")
    if path is None:
        return None
    labels = _read(path)
    if labels.ndim != 1:
        raise DataError(f"{path} has the shape {labels.shape}; labels are [images], one for each")
    if len(labels) != images:
        raise DataError(f"{path} holds {len(labels):,} labels for {images:,} images; give one for each, or remove it")
    names, numbers = np.unique(labels, return_inverse=True)
    return Truth(numbers.astype(np.intp), tuple(map(str, names.tolist())))


def _find(folder: Path, patterns: tuple[str, ...], what: str) -> Path | None:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give a data folder with x.npy or IDX files in it")
    found = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise DataError(f"{folder} holds {what} more than once: {names}; keep one of them")
    return found[0] if found else None


def _read(path: Path) -> NDArray[Any]:
    if path.suffix != ".npy":
        return read_idx(path)
    try:
        values: NDArray[Any] = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path} cannot be read as a numpy array of numbers ({error}); write all images, of one size, as one array"
        ) from error
    return values
