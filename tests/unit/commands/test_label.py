"""`worker label` as a person types it."""

import json
import re
from pathlib import Path

import pytest

from tests.small_bundle import edit_json
from worker.__main__ import main


def test_a_playlist_of_titles_and_ids_is_labelled(small_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label", "--bundle", str(small_bundle), "SONG 1", "s5", "song 7", "--json"]) == 0

    answer = json.loads(capsys.readouterr().out)
    assert [song["song_id"] for song in answer["found"]] == ["s1", "s5", "s7"]
    assert answer["gender"] in ("f", "m")
    assert answer["genders"][answer["gender"]] == max(answer["genders"].values())
    assert sum(answer["genders"].values()) == pytest.approx(1)
    assert answer["clusters"][answer["cluster_id"]] == max(answer["clusters"])
    assert answer["cluster"] == f"Cluster {answer['cluster_id']}"
    assert answer["model"].startswith("small-2026.11.21-")


def test_a_label_is_printed_for_people(small_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label", "--bundle", str(small_bundle), "Song 1", "Song 5", "Song 7"]) == 0

    printed = capsys.readouterr().out
    assert "Song 5 - Artist 5 - s5" in printed
    assert re.search(r"gender .* [fm] .* (0\.[5-9]\d\d|1\.000) ", printed), "with its probability"
    assert re.search(r"cluster .* Cluster \d .* (0\.\d\d\d|1\.000) ", printed), "with its probability"


def test_a_song_that_is_asked_for_twice_counts_once(small_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label", "--bundle", str(small_bundle), "s1", "Song 1", "song 1", "--json"]) == 0

    assert json.loads(capsys.readouterr().out)["known_songs"] == 1


def test_too_few_songs_get_no_gender(small_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label", "--bundle", str(small_bundle), "s1", "s5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["gender"] is None

    assert main(["label", "--bundle", str(small_bundle), "s1", "s5"]) == 0
    assert "A gender is published from 3 known songs and a probability of 0.600 on" in capsys.readouterr().out


def test_an_unknown_song_is_left_out_with_a_hint(small_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label", "--bundle", str(small_bundle), "s1", "Sogn 12", "--json"]) == 0

    printed = capsys.readouterr()
    assert "'Sogn 12' is unknown to the model and left out; did you mean 'Song 12'" in printed.err
    assert json.loads(printed.out)["unknown"][0]["asked"] == "Sogn 12"


def test_an_ambiguous_title_is_said_to_be_one(bundle_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit_json(bundle_copy, "songs.json", lambda songs: songs.update(titles=["Same"] * 200))

    assert main(["label", "--bundle", str(bundle_copy), "same", "--json"]) == 0

    printed = capsys.readouterr()
    assert "'same': 200 songs have this title; taken is s0 by Artist 0, which most users have" in printed.err
    assert json.loads(printed.out)["found"][0]["song_id"] == "s0"


def test_a_playlist_of_unknown_songs_is_a_failure(small_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["label", "--bundle", str(small_bundle), "xx", "yy"]) == 1
    assert "knows none of these songs" in capsys.readouterr().err


def test_a_damaged_bundle_is_a_failure_that_names_the_file(
    bundle_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (bundle_copy / "gender.onnx").write_bytes(b"")

    assert main(["label", "--bundle", str(bundle_copy), "s1"]) == 1
    assert "gender.onnx: it has 0 bytes" in capsys.readouterr().err
