"""Song vectors from the command line: fit, similar, encode, report, evaluate, and what each refuses."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.in_process import run_command
from tests.planted_reviews import write_reviews
from tests.small_run import write_small_run
from training.__main__ import main
from training.reproduce import main as reproduce
from training.reproduction import steps
from training.song_vectors.lookup import SongLookup, most_similar
from training.song_vectors.run_files import read_vector_run
from training.synthetic.settings import SyntheticSettings
from training.synthetic.write import write_synthetic


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Playlists and reviews in one folder."""
    folder = tmp_path_factory.mktemp("vectors") / "small"
    write_synthetic(folder, SyntheticSettings(users=300, songs=150))
    return write_reviews(folder)


@pytest.fixture(scope="module")
def reviews(data: Path) -> Path:
    """A run of artists."""
    run = data.parent / "reviews"
    assert main(["fit", "--data", str(data), "--recipe", "review_vectors", "--set", "epochs=8", "--out", str(run)]) == 0
    return run


@pytest.fixture(scope="module")
def songs(data: Path) -> Path:
    """A run of songs."""
    run = data.parent / "songs"
    assert main(["fit", "--data", str(data), "--recipe", "song_vectors", "--set", "epochs=4", "--out", str(run)]) == 0
    return run


def test_similar_lists_artists_of_the_same_kind(reviews: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["similar", str(reviews), "rock 7", "--top", "5"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("Rock") >= 6
    assert main(["similar", str(reviews), "Rock 7", "Jazz 7", "--minus", "Rock 8", "--top", "5"]) == 0
    printed = capsys.readouterr().out
    assert "Rock 7 + Jazz 7 - Rock 8" in printed
    assert "Jazz" in printed.replace("Rock 7 + Jazz 7", "")


def test_similar_adds_and_takes_away_and_lists_as_many_as_asked_for(
    reviews: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = read_vector_run(reviews)
    lookup = SongLookup(run.songs)
    rock, jazz, other = (lookup.find(name) for name in ("Rock 7", "Jazz 7", "Rock 8"))
    expected, added = (most_similar(run.vectors, plus, minus, 4) for plus, minus in
                       (([rock, jazz], [other]), ([rock, jazz, other], [])))  # fmt: skip
    assert expected != added
    assert main(["similar", str(reviews), "Rock 7", "Jazz 7", "--minus", "Rock 8", "--top", "4"]) == 0
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert [row[2].strip() for row in rows] == [lookup.describe(place) for place, _ in expected]


def test_similar_knows_titles_and_suggests(songs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["similar", str(songs), "一路向北"]) == 0
    rows = [line for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert len(rows) == 10
    assert "一路向北" not in "".join(rows)
    assert main(["similar", str(songs), "一路向"]) == 1
    assert "did you mean '一路向北'?" in capsys.readouterr().err


def test_a_genre_that_made_the_contexts_is_called_circular(reviews: Path, songs: Path, tmp_path: Path) -> None:
    for run, word in ((reviews, "This is circular"), (songs, "genres had no part in training")):
        page = tmp_path / f"{run.name}.html"
        assert main(["report", str(run), "--out", str(page)]) == 0
        assert word in page.read_text("utf-8")


def test_encode_writes_one_vector_per_song(songs: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "vectors.parquet"
    assert main(["encode", str(songs), "--out", str(out)]) == 0
    table = pq.read_table(out)
    assert table.column_names == ["song_id", "title", "artist", "cluster", "vector"]
    vectors = np.stack(table["vector"].to_numpy())
    assert vectors.shape == (150, 64)
    assert np.array_equal(vectors, np.load(songs / "vectors.npy"))
    assert main(["encode", str(songs), "--data", str(data), "--out", str(out)]) == 1


class _Links(HTMLParser):
    """Everything that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # References within the page start with a number sign.
        self.found += [value or "" for name, value in attrs if name in {"src", "href"} and str(value)[:1] != "#"]


def test_the_page_is_complete_and_needs_no_network(reviews: Path, data: Path, tmp_path: Path) -> None:
    figures, page = tmp_path / "figures.json", tmp_path / "page.html"
    recipes = ["review_vectors:epochs=2", "review_vectors_ppmi"]
    command = ["evaluate", "--data", str(data), "--folds", "2", "--out", str(figures), "--recipe", *recipes]
    assert main(command) == 0
    assert main(["report", str(reviews), "--out", str(page), "--evaluation", str(figures)]) == 0
    text = page.read_text("utf-8")
    links = _Links()
    links.feed(text)
    assert links.found == []
    for word in ("By cluster", "best known names", "Learning curve", "review_vectors_ppmi", "Folk 7"):
        assert word in text, word
    assert text.count("<svg") == 3
    assert len(re.findall(r"<text [^>]*><title>", text)) == 300, "the best known of 420 artists"


def test_evaluate_goes_on_and_prints_a_table(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "figures.json"
    command = ["evaluate", "--data", str(data), "--folds", "3", "--out", str(out), "--recipe"]
    assert main([*command, "song_vectors_ppmi", "song_vectors_features"]) == 0
    table = capsys.readouterr().out
    assert "| song_vectors_ppmi " in table
    assert "circular for plain features" in table
    before = json.loads(out.read_text("utf-8"))
    assert main([*command, "song_vectors_ppmi", "song_vectors_features"]) == 0
    assert json.loads(out.read_text("utf-8")) == before, "finished parts were fitted again"
    folds = [before["recipes"][name]["folds"] for name in ("song_vectors_ppmi", "song_vectors_features")]
    assert [fold["ceiling"] for fold in folds[0]] == [fold["ceiling"] for fold in folds[1]], "the parts differ"


def test_refuses_what_does_not_fit_together(
    songs: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    playlists = write_small_run(tmp_path / "playlists")
    out = str(tmp_path / "out")
    for command, says in (
        (["similar", str(playlists), "s1"], "of the family playlists, where one of the family song_vectors is needed"),
        (["similar", str(tmp_path), "s1"], "is not a run folder"),
        (["encode", str(playlists), "--out", out], "give the data to encode with --data DIR"),
        (["encode", str(songs), "--out", out, "--reconstructions", out], "only images are reconstructed"),
        (["fit", "--data", str(tmp_path), "--recipe", "song_vectors", "--out", out], "has no table 'users'"),
        (["fit", "--data", str(tmp_path), "--recipe", "review_vectors", "--out", out], "has no table 'reviews'"),
        (
            ["evaluate", "--data", str(data), "--out", out, "--recipe", "song_vectors", "majority"],
            "these recipes cannot be compared",
        ),
        (
            ["evaluate", "--data", str(data), "--out", out, "--recipe", "song_vectors", "review_vectors"],
            "have to share their contexts",
        ),
    ):
        assert main(command) == 1, command
        assert says in " ".join(capsys.readouterr().err.split()), command


def test_reproduce_compares_both_kinds(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "run_command", run_command)
    monkeypatch.setattr(steps, "SONG_VECTORS", ("song_vectors:epochs=4", "song_vectors_ppmi", "song_vectors_features"))
    monkeypatch.setattr(steps, "REVIEW_VECTORS", ("review_vectors_ppmi", "review_vectors_features"))
    command = ["--quick", "--only", "song_vectors", "--data", str(data), "--out", str(tmp_path)]
    assert reproduce(command) == 0
    for kind, names in (("vectors", steps.SONG_VECTORS), ("reviews", steps.REVIEW_VECTORS)):
        results = json.loads((tmp_path / f"{kind}-small.json").read_text("utf-8"))
        assert list(results["recipes"]) == list(names)
        for name in names:
            folds = results["recipes"][name]["folds"]
            assert len(folds) == 2
            # Ten of about 150 songs, or 360 artists, drawn blindly.
            chance = 10 / (150 if kind == "vectors" else 360)
            assert np.mean([fold["hit_rate"] for fold in folds]) > 1.2 * chance, name
        assert f"| {names[0]}" in (tmp_path / f"{kind}-small.md").read_text("utf-8")
