"""The `plays` of a data folder, read without the training packages."""

import csv
import gzip
import importlib.util
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from worker.errors import Stop

SUFFIXES = (".parquet", ".csv", ".tsv", ".csv.gz", ".tsv.gz")


def read_playlists(folder: Path) -> dict[str, list[str]]:
    """User id → song ids, in the order of the file.

    Raises Stop if there is no such file, or it cannot be read, or a column or an id is missing.
    """
    path = _plays(folder)
    playlists: dict[str, list[str]] = {}
    try:
        for user, song in _rows_of_parquet(path) if path.suffix == ".parquet" else _rows_of_text(path):
            if not user or not song:
                raise Stop(f"{path}: a row has no {'song_id' if user else 'user_id'}; leave such rows out")
            playlists.setdefault(user, []).append(song)
    # pyarrow's errors are ValueErrors, and so is text that is not UTF-8.
    except (OSError, EOFError, ValueError, csv.Error, zlib.error) as error:
        raise Stop(f"{path} cannot be read: {error}") from error
    if not playlists:
        raise Stop(f"{path} has no rows")
    return playlists


def _plays(folder: Path) -> Path:
    found = [folder / f"plays{suffix}" for suffix in SUFFIXES if (folder / f"plays{suffix}").is_file()]
    if len(found) != 1:
        names = ", ".join(f"plays{suffix}" for suffix in SUFFIXES)
        what = f"several of them ({', '.join(path.name for path in found)})" if found else "none"
        raise Stop(f"{folder} must hold one file of {names}; it holds {what}")
    return found[0]


def _rows_of_text(path: Path) -> Iterator[tuple[str, str]]:
    tabs = ".tsv" in path.suffixes
    with _open(path) as lines:
        # Tab-separated files know no quotes: an id may hold one.
        rows = csv.reader(lines, delimiter="\t" if tabs else ",", quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL)
        header = next(rows, [])
        missing = {"user_id", "song_id"} - set(header)
        if missing:
            raise Stop(f"{path} has no column {' and '.join(sorted(missing))}; it has {', '.join(header) or 'none'}")
        user, song = header.index("user_id"), header.index("song_id")
        for row in filter(None, rows):
            if len(row) != len(header):
                raise Stop(f"{path}, line {rows.line_num}: {len(row)} fields where the header has {len(header)}")
            yield row[user], row[song]


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _rows_of_parquet(path: Path) -> Iterator[tuple[str, str]]:
    if importlib.util.find_spec("pyarrow") is None:
        raise Stop(f"{path}: reading parquet needs pyarrow: install it, or convert the file to csv")
    parquet = importlib.import_module("pyarrow.parquet").ParquetFile(path)
    names = parquet.schema_arrow.names
    missing = {"user_id", "song_id"} - set(names)
    if missing:
        raise Stop(f"{path} has no column {' and '.join(sorted(missing))}; it has {', '.join(names)}")
    for group in parquet.iter_batches(columns=["user_id", "song_id"]):
        for row in group.to_pylist():
            yield _text(row["user_id"]), _text(row["song_id"])


def _text(value: object) -> str:
    return "" if value is None else str(value)
