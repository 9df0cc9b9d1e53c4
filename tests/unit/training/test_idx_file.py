"""IDX files: what is right is read, what is damaged is told."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from training.datasets.idx_file import read_idx
from training.errors import DataError

PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def idx(values: np.ndarray, kind: int = 0x08) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, kind, values.ndim, *values.shape) + values.tobytes()


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_reads_what_was_written(pack: "type[bytes]", tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(pack(idx(PIXELS)))
    assert np.array_equal(read_idx(tmp_path / "images"), PIXELS)


@pytest.mark.parametrize(("kind", "dtype"), [(0x09, ">i1"), (0x0B, ">i2"), (0x0C, ">i4"), (0x0D, ">f4"), (0x0E, ">f8")])
def test_reads_every_type_of_number(kind: int, dtype: str, tmp_path: Path) -> None:
    values = np.array([[1, -2], [3, 4]], dtype)
    (tmp_path / "x").write_bytes(idx(values, kind))
    assert np.array_equal(read_idx(tmp_path / "x"), values)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "starts with nothing"),
        (b"PK\x03\x04", "no IDX file: it starts with 50 4b 03 04"),
        (b"\x00\x00\x07\x01\x00\x00\x00\x00", "no IDX file"),
        (idx(PIXELS)[:9], "cut off within its head"),
        (idx(PIXELS)[:-1], "holds 39 bytes where its head announces 40 (2 x 3 x 4)"),
        (idx(PIXELS) + b"\x00", "holds 41 bytes where its head announces 40"),
        (gzip.compress(idx(PIXELS), mtime=0)[:-9], "cannot be read"),
    ],
)
def test_tells_what_is_wrong(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "images").write_bytes(content)
    with pytest.raises(DataError) as error:
        read_idx(tmp_path / "images")
    assert says in str(error.value)
    assert str(tmp_path / "images") in str(error.value)
