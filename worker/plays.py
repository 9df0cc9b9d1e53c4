"""The `plays` of a data folder, read without the training packages."""

import csv
import gzip
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from worker.errors import Stop

SUFFIXES = (".parquet", ".csv", ".tsv", ".csv.gz", ".tsv.gz")


def read_playlists(folder: Path) -> dict[str, list[str]]:
    """User id → song ids, in the order of the file. Raises Stop if there is no such file, or a column is missing."""
    path = _plays(folder)
    playlists: dict[str, list[str]] = {}
    for user, song in _rows_of_parquet(path) if path.suffix == ".parquet" else _rows_of_text(path):
        playlists.setdefault(user, []).append(song)
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
    with _open(path) as lines:
        rows = csv.reader(lines, delimiter="\t" if ".tsv" in path.suffixes else ",")
        header = next(rows, [])
        try:
            user, song = header.index("user_id"), header.index("song_id")
        except ValueError as error:
            raise Stop(f"{path} must have the columns user_id and song_id; it has {header or 'none'}") from error
        for row in rows:
            if len(row) != len(header):
                raise Stop(f"{path}, line {rows.line_num}: {len(row)} fields where the header has {len(header)}")
            yield row[user], row[song]


def _open(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _rows_of_parquet(path: Path) -> Iterator[tuple[str, str]]:
    if importlib.util.find_spec("pyarrow") is None:
        raise Stop(f"{path}: reading parquet needs pyarrow: install it, or convert the file to csv")
    parquet = importlib.import_module("pyarrow.parquet").ParquetFile(path)
    missing = {"user_id", "song_id"} - set(parquet.schema_arrow.names)
    if missing:
        raise Stop(f"{path} must have the columns user_id and song_id; {', '.join(sorted(missing))} is missing")
    for group in parquet.iter_batches(columns=["user_id", "song_id"]):
        for row in group.to_pylist():
            yield str(row["user_id"]), str(row["song_id"])
