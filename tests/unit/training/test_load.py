"""Data folders in every format, and every way in which one can be wrong."""

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from training.datasets import load
from training.datasets.checks import require_both_genders, require_different_playlists, require_folds
from training.datasets.digest import data_digest
from training.datasets.load import load_playlists
from training.datasets.table_file import read_batches
from training.errors import DataError

PLAYS = [("u2", "s1"), ("u1", "001"), ("u1", "s1"), ("u2", "s3")]
USERS = [("u1", "f"), ("u2", "m")]


def write_text(folder: Path, name: str, columns: str, rows: list[tuple[str, ...]], suffix: str = ".csv") -> None:
    separator = "\t" if ".tsv" in suffix else ","
    lines = [columns.replace(",", separator), *(separator.join(row) for row in rows)]
    data = ("\n".join(lines) + "\n").encode()
    folder.joinpath(f"{name}{suffix}").write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)


def make_folder(folder: Path, plays=PLAYS, users=USERS, suffix: str = ".csv") -> Path:
    folder.mkdir(exist_ok=True)
    write_text(folder, "plays", "user_id,song_id", plays, suffix)
    write_text(folder, "users", "user_id,gender", users, suffix)
    return folder


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".csv.gz", ".tsv.gz"])
def test_reads_text(tmp_path: Path, suffix: str) -> None:
    data = load_playlists(make_folder(tmp_path / "data", suffix=suffix))
    assert data.user_ids.to_pylist() == ["u1", "u2"]
    assert data.songs["song_id"].to_pylist() == ["001", "s1", "s3"]
    assert data.matrix.toarray().tolist() == [[1, 1, 0], [0, 1, 1]]
    assert data.gender.tolist() == [0, 1]


def test_reads_parquet_with_ids_as_numbers(tmp_path: Path) -> None:
    pq.write_table(pa.table({"song_id": [10, 9], "user_id": [1, 2], "at": [0.5, 0.7]}), tmp_path / "plays.parquet")
    pq.write_table(pa.table({"user_id": [1, 2], "gender": ["f", None]}), tmp_path / "users.parquet")
    data = load_playlists(tmp_path)
    assert data.songs["song_id"].to_pylist() == ["10", "9"]
    assert data.gender.tolist() == [0, -1]


@pytest.mark.parametrize("row_group", [10_000, 1_000_000])
def test_parquet_is_read_in_parts(row_group: int, tmp_path: Path) -> None:
    """Whatever the size of its row groups: a table of plays need not fit into memory as text."""
    ids = pa.array(range(200_000))
    pq.write_table(pa.table({"user_id": ids, "song_id": ids}), tmp_path / "plays.parquet", row_group_size=row_group)
    sizes = [batch.num_rows for batch in read_batches(tmp_path / "plays.parquet", ("user_id", "song_id"))]
    assert sum(sizes) == 200_000
    assert max(sizes) <= 65_536


def test_row_groups_that_were_read_are_not_kept(tmp_path: Path) -> None:
    rows = 1_500_000
    plays = pa.table({"user_id": pa.array(range(rows)), "song_id": pa.array(range(rows))})
    pq.write_table(plays, tmp_path / "plays.parquet", row_group_size=50_000)
    whole, before = plays.nbytes, pa.total_allocated_bytes()
    batches = read_batches(tmp_path / "plays.parquet", ("user_id", "song_id"))
    assert max(pa.total_allocated_bytes() - before for _ in batches) < whole / 3


def test_columns_that_nobody_asked_for_are_not_read(tmp_path: Path) -> None:
    ids = pa.array(range(20_000))
    told = pa.array([f"{number:500}" for number in range(20_000)])
    pq.write_table(pa.table({"user_id": ids, "song_id": ids, "comment": told}), tmp_path / "plays.parquet")
    before = pa.total_allocated_bytes()
    batches = read_batches(tmp_path / "plays.parquet", ("user_id", "song_id"))
    assert max(pa.total_allocated_bytes() - before for _ in batches) < told.nbytes / 3


def test_plays_that_were_read_are_not_kept_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every id is long; of the ten batches only one at a time is there."""
    held: list[int] = []

    def ten(path: Path, *columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        if path.stem == "users":
            yield from read_batches(path, *columns)
            return
        before = pa.total_allocated_bytes()
        for number in range(10):
            held.append(pa.total_allocated_bytes() - before)
            texts = pa.array(["u1" * 100] * 2_000)
            yield pa.RecordBatch.from_arrays([texts, pa.array([f"{number}"] * 2_000)], names=["user_id", "song_id"])

    monkeypatch.setattr(load, "read_batches", ten)
    load_playlists(make_folder(tmp_path / "data"))
    assert max(held) < 2 * 400_000


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    first = load_playlists(make_folder(tmp_path / "a"))
    again = load_playlists(make_folder(tmp_path / "b", PLAYS[::-1], USERS[::-1], ".tsv.gz"))
    assert data_digest(first) == data_digest(again)
    assert data_digest(first).startswith("sha256:")


@pytest.mark.parametrize(
    ("plays", "users"),
    [
        (PLAYS[:3], USERS),
        ([*PLAYS[:2], ("u1", "s3"), PLAYS[3]], USERS),
        ([(user, song.replace("s3", "s4")) for user, song in PLAYS], USERS),
        ([(user, {"001": "00", "s1": "1s1"}.get(song, song)) for user, song in PLAYS], USERS),
        ([(user.replace("u1", "u0"), song) for user, song in PLAYS], [("u0", "f"), ("u2", "m")]),
        (PLAYS, [("u1", "m"), ("u2", "m")]),
    ],
    ids=["a play less", "another play", "another song", "the same letters in other ids", "another user", "a gender"],
)
def test_any_other_content_has_another_digest(
    tmp_path: Path, plays: list[tuple[str, str]], users: list[tuple[str, str]]
) -> None:
    first = load_playlists(make_folder(tmp_path / "a"))
    other = load_playlists(make_folder(tmp_path / "b", plays, users))
    assert data_digest(first) != data_digest(other)


def test_counts_what_it_merges_and_leaves_out(tmp_path: Path) -> None:
    users = [*USERS, ("silent", "f"), ("u1", "f")]
    data = load_playlists(make_folder(tmp_path / "data", [*PLAYS, PLAYS[0], ("stranger", "s1")], users))
    assert (data.merged.duplicate_plays, data.merged.users_without_songs, data.merged.users_not_listed) == (1, 1, 1)
    assert data.user_ids.to_pylist() == ["stranger", "u1", "u2"]
    assert data.gender.tolist() == [-1, 0, 1]
    assert data.matrix.max() == 1


def test_song_table_fills_what_it_knows(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "data")
    write_text(folder, "songs", "title,song_id", [('Say "yes"', "s1"), ("never played", "s9")], ".tsv")
    songs = load_playlists(folder).songs.to_pylist()
    assert songs[1] == {"song_id": "s1", "title": 'Say "yes"', "artist": "", "genre_group": ""}
    assert songs[0]["title"] == ""
    assert len(songs) == 3


@pytest.mark.parametrize(
    ("plays", "users", "says"),
    [
        ([], USERS, "nobody has a song"),
        (PLAYS, [], "has no rows"),
        (PLAYS, [("u1", "female"), ("u2", "m")], "'female'"),
        (PLAYS, [("u1", "f"), ("u1", "m")], "'u1' first"),
        ([("u1", "")], USERS, "1 rows have no song_id"),
        (PLAYS, [("", "m")], "1 rows have no user_id"),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, plays, users, says: str) -> None:
    with pytest.raises(DataError, match=says):
        load_playlists(make_folder(tmp_path / "data", plays, users))


def test_names_a_missing_column(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "data")
    write_text(folder, "plays", "user,song_id", PLAYS)
    with pytest.raises(DataError, match=r"plays\.csv has no column 'user_id'; its columns are 'user', 'song_id'"):
        load_playlists(folder)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty; its first line has to name the columns user_id, song_id"),
        (b"\x1f\x8b broken", "cannot be read"),
    ],
)
def test_names_an_empty_or_damaged_file(tmp_path: Path, content: bytes, says: str) -> None:
    folder = make_folder(tmp_path / "data", suffix=".csv.gz")
    (folder / "plays.csv.gz").write_bytes(content)
    with pytest.raises(DataError, match=rf"plays\.csv\.gz {says}"):
        load_playlists(folder)


def test_wants_one_file_per_table(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "data")
    write_text(folder, "plays", "user_id,song_id", PLAYS, ".tsv")
    with pytest.raises(DataError, match=r"twice: plays\.csv and plays\.tsv"):
        load_playlists(folder)
    (folder / "plays.csv").unlink()
    (folder / "plays.tsv").unlink()
    with pytest.raises(DataError, match="no table 'plays'"):
        load_playlists(folder)
    with pytest.raises(DataError, match="not a folder"):
        load_playlists(folder / "nowhere")


def test_asks_for_both_genders_and_enough_users(tmp_path: Path) -> None:
    users = [(f"u{number}", "m" if number < 30 else "f") for number in range(42)]
    plays = [(user, "s1") for user, _ in users]
    data = load_playlists(make_folder(tmp_path / "data", plays, users))
    require_folds(data, 6)
    with pytest.raises(DataError, match="use --folds 6 or fewer"):
        require_folds(data, 7)
    men = load_playlists(make_folder(tmp_path / "men", plays[:30], users[:30]))
    with pytest.raises(DataError, match="0 f, 30 m"):
        require_both_genders(men)
    few = load_playlists(make_folder(tmp_path / "few", plays[:39], users[:39]))
    with pytest.raises(DataError, match=r"9 f, 30 m .* at least 10 of each gender"):
        require_both_genders(few)


def test_asks_for_playlists_that_differ(tmp_path: Path) -> None:
    plays = [(f"u{number}", f"s{song}") for number in range(30) for song in range(number % 3 + 1)]
    data = load_playlists(make_folder(tmp_path / "data", plays))
    require_different_playlists(data, 3)
    with pytest.raises(DataError, match="only 3 different playlists among them, and clusters of taste need at least 4"):
        require_different_playlists(data, 4)
