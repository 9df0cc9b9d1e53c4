"""One table of a data folder, whatever its file format, read in batches of rows."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from training.errors import DataError

FORMATS = (".parquet", ".csv", ".tsv", ".csv.gz", ".tsv.gz")


def find_table(folder: Path, name: str) -> Path | None:
    """The file that holds table `name`, or None. Raises DataError where two files claim to."""
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give a data folder with {name}{FORMATS[0]} or {name}.csv in it")
    found = [path for path in (folder / f"{name}{suffix}" for suffix in FORMATS) if path.is_file()]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise DataError(f"{folder} holds the table {name!r} twice: {names}; keep one of them")
    return found[0] if found else None


def require_table(folder: Path, name: str) -> Path:
    """Like `find_table`, for a table that has to be there."""
    path = find_table(folder, name)
    if path is None:
        accepted = ", ".join(name + suffix for suffix in FORMATS)
        raise DataError(f"{folder} has no table {name!r}; add one of {accepted}")
    return path


def read_batches(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
    """Batches of rows with the columns asked for, each as strings with missing values as null.

    Columns of `optional` that the file lacks are left out; other columns are not read. Raises DataError for a file
    that is empty or malformed or lacks a required column.
    """
    try:
        yield from _parquet(path, required, optional) if path.suffix == ".parquet" else _text(path, required, optional)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OSError, EOFError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _parquet(path: Path, required: Sequence[str], optional: Sequence[str]) -> Iterator[pa.RecordBatch]:
    # Read ahead, the bytes of all row groups would be in memory before the last is taken.
    with pq.ParquetFile(path, pre_buffer=False) as file:
        columns = _present(path, file.schema_arrow.names, required, optional)
        for batch in file.iter_batches(columns=columns):
            yield _as_strings(batch.select(columns))


def _text(path: Path, required: Sequence[str], optional: Sequence[str]) -> Iterator[pa.RecordBatch]:
    if os.path.getsize(path) == 0:
        raise DataError(f"{path} is empty; its first line has to name the columns {', '.join(required)}")
    # Tab-separated files know no quotes: a title may hold one.
    tabs = ".tsv" in path.suffixes
    dialect = pacsv.ParseOptions(delimiter="\t" if tabs else ",", quote_char=False if tabs else '"')
    with closing(pacsv.open_csv(path, parse_options=dialect)) as head:
        columns = _present(path, head.schema.names, required, optional)
    strings = pacsv.ConvertOptions(
        include_columns=columns,
        column_types=dict.fromkeys(columns, pa.string()),
        strings_can_be_null=True,
        null_values=[""],
    )
    with closing(pacsv.open_csv(path, parse_options=dialect, convert_options=strings)) as reader:
        yield from reader


def _present(path: Path, names: Sequence[str], required: Sequence[str], optional: Sequence[str]) -> list[str]:
    missing = [name for name in required if name not in names]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(map(repr, missing))}; its columns are {', '.join(map(repr, names))}"
        )
    return [*required, *(name for name in optional if name in names)]


def _as_strings(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([column.cast(pa.string()) for column in batch.columns], names=batch.schema.names)
