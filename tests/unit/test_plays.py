"""The plays of a data folder, in every form they may have."""

import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from worker.errors import Stop
from worker.plays import read_playlists

ROWS = [("ann", "s1"), ("bob", '"2 (live)'), ("ann", "一路向北"), ("ann", "s1")]
PLAYLISTS = {"ann": ["s1", "一路向北", "s1"], "bob": ['"2 (live)']}
CSV = "song_id,plays,user_id\n" + "".join(f'"{song.replace(chr(34), chr(34) * 2)}",1,{user}\n' for user, song in ROWS)
TSV = "user_id\tsong_id\n" + "".join(f"{user}\t{song}\n" for user, song in ROWS)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plays.csv", CSV.encode()),
        ("plays.tsv", TSV.encode()),
        ("plays.csv.gz", gzip.compress(CSV.encode())),
        ("plays.tsv.gz", gzip.compress(TSV.encode())),
        ("plays.csv", b"\xef\xbb\xbf" + CSV.replace("\n", "\r\n").encode()),
        ("plays.csv", CSV.replace("\n", "\n\n").encode()),
    ],
    ids=["csv", "tsv", "csv.gz", "tsv.gz", "from a spreadsheet", "blank lines"],
)
def test_text_of_any_form_gives_the_playlists(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert read_playlists(tmp_path) == PLAYLISTS


def test_parquet_gives_the_playlists(tmp_path: Path) -> None:
    users, songs = zip(*ROWS, strict=True)
    pa.parquet.write_table(pa.table({"song_id": songs, "user_id": users}), tmp_path / "plays.parquet")
    assert read_playlists(tmp_path) == PLAYLISTS


def test_numbers_as_ids_are_their_digits(tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"user_id": [7], "song_id": [2**40]}), tmp_path / "plays.parquet")
    assert read_playlists(tmp_path) == {"7": [str(2**40)]}


BAD: dict[str, tuple[str, bytes, str]] = {
    "empty file": ("plays.csv", b"", "has no column song_id and user_id; it has none"),
    "no rows": ("plays.csv", b"user_id,song_id\n", "has no rows"),
    "column missing": ("plays.csv", b"user_id,title\nu,s\n", "has no column song_id; it has user_id, title"),
    "tabs in a csv": ("plays.csv", b"user_id\tsong_id\nu\ts\n", "has no column"),
    "short row": ("plays.csv", b"user_id,song_id\nu,s\nu\n", "line 3: 1 fields where the header has 2"),
    "no user": ("plays.csv", b"user_id,song_id\n,s\n", "a row has no user_id"),
    "no song": ("plays.csv", b"user_id,song_id\nu,\n", "a row has no song_id"),
    "not UTF-8": ("plays.csv", b"user_id,song_id\nu,\xff\n", "cannot be read"),
    "no gzip": ("plays.csv.gz", b"user_id,song_id\nu,s\n", "cannot be read"),
    "gzip cut off": ("plays.csv.gz", gzip.compress(CSV.encode() * 99)[:-20], "cannot be read"),
    "gzip damaged": ("plays.csv.gz", gzip.compress(CSV.encode() * 99)[:30] + b"\0" * 99, "cannot be read"),
    "no parquet": ("plays.parquet", b"user_id,song_id\nu,s\n", "cannot be read"),
    "a field without end": ("plays.csv", b'user_id,song_id\nu,"' + b"s" * 200_000, "cannot be read"),
}


@pytest.mark.parametrize(("name", "content", "words"), BAD.values(), ids=BAD)
def test_a_bad_file_is_named_with_what_is_wrong(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Stop) as caught:
        read_playlists(tmp_path)
    assert str(tmp_path / name) in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("column", ["user_id", "song_id"])
def test_a_null_in_parquet_is_no_id(tmp_path: Path, column: str) -> None:
    table = {"user_id": ["u"], "song_id": ["s"], column: pa.array([None], pa.string())}
    pa.parquet.write_table(pa.table(table), tmp_path / "plays.parquet")
    with pytest.raises(Stop, match=f"a row has no {column}"):
        read_playlists(tmp_path)


def test_parquet_without_a_column_says_which(tmp_path: Path) -> None:
    pa.parquet.write_table(pa.table({"user_id": ["u"], "track": ["s"]}), tmp_path / "plays.parquet")
    with pytest.raises(Stop, match="has no column song_id; it has user_id, track"):
        read_playlists(tmp_path)


def test_a_folder_without_plays_says_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(Stop, match=r"must hold one file of plays.parquet, plays.csv, .*; it holds none"):
        read_playlists(tmp_path)
    with pytest.raises(Stop, match="it holds none"):
        read_playlists(tmp_path / "nowhere")


def test_two_files_of_plays_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "plays.csv").write_text(CSV)
    (tmp_path / "plays.tsv").write_text(TSV)
    with pytest.raises(Stop, match=r"several of them \(plays.csv, plays.tsv\)"):
        read_playlists(tmp_path)
