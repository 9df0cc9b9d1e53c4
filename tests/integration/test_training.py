"""The commands of training, one after the other, as somebody would type them."""

import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from html import escape
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score

from tests.small_run import write_small_run
from training.__main__ import COMMANDS, main
from training.commands import fit as commands_fit
from training.datasets.digest import data_digest
from training.datasets.load import load_playlists
from training.datasets.playlists import Playlists
from training.families import FitOptions
from training.fit_playlists import fit_playlists
from training.recipe import load_recipe
from training.run_folder import read_serving, read_summary, write_run
from training.synthetic.settings import CLUSTER_NAMES
from training.taste_methods import METHODS
from training.watch import unwatched

QUICK = [
    "units=24",
    "taste_units=8",
    "factors=16",
    "epochs=10",
    "rate=0.005",
    "table_rate=0.002",
    "popularity_exponents=[0.25]",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A synthetic data folder `data`, a run `run`, and the same once more, `again`."""
    folder = tmp_path_factory.mktemp("training")
    sizes = ["--users", "800", "--songs", "600", "--gender-skew", "1.0", "--seed", "4"]
    assert main(["synthesize", "--out", str(folder / "data"), *sizes]) == 0
    parameters = [argument for pair in QUICK for argument in ("--set", pair)]
    fit = ["fit", "--data", str(folder / "data"), "--seed", "6", *parameters]
    assert main([*fit, "--out", str(folder / "run")]) == 0
    assert main([*fit, "--out", str(folder / "again")]) == 0
    return folder


def test_run_folder_is_what_export_reads(folder: Path) -> None:
    run = folder / "run"
    summary = json.loads((run / "run.json").read_text("utf-8"))
    assert summary["format"] == 1
    assert summary["genders"] == ["f", "m"]
    assert summary["recipe"]["name"] == "songprint"
    assert summary["recipe"]["units"] == 24
    assert summary["seed"] == 6
    data = load_playlists(folder / "data")
    told = {"digest": data_digest(data), "users": 800, "songs": songs_sung(data), "plays": data.matrix.nnz}
    merged = {"duplicate_plays": 0, "users_without_songs": 0, "users_not_listed": 0}
    assert summary["data"] == told | merged
    assert summary["created"].endswith("Z")
    assert summary["figures"]["held_out"]["auc"] > 0.75
    assert set(summary["serving"]) == {"exponent", "activation", "cluster_alpha", "cluster_scale"}
    songs = pq.read_table(run / "songs.parquet")
    assert songs.column_names == ["song_id", "title", "artist", "genre_group", "users"]
    assert min(songs["users"].to_pylist()) > 0
    with np.load(run / "model.npz") as model:
        assert set(model) == {"table", "bias", "gender_kernel_0", "gender_bias_0", "centroids"}
        assert model["table"].shape == (songs.num_rows, 32)
        assert all(array.dtype == np.float32 for array in model.values())
        clusters = json.loads((run / "clusters.json").read_text("utf-8"))
        assert len(clusters) == len(model["centroids"])
    assert sum(cluster["size"] for cluster in clusters) == pytest.approx(1)
    assert sum(summary["distribution"]["cluster"]) == pytest.approx(1)
    assert all(len(cluster["songs"]) == 10 for cluster in clusters)


def songs_sung(data: Playlists) -> int:
    return data.played_songs().matrix.shape[1]


@pytest.mark.parametrize("name", ["pca", "truncated_svd"])
def test_a_run_serves_what_was_learnt(name: str, folder: Path, tmp_path: Path) -> None:
    """Codes that no relu cuts off, of playlists that are divided by nothing or by the root of their length."""
    recipe = load_recipe(name, {"units": 6, "classifier_epochs": 2})
    data = load_playlists(folder / "data").played_songs()
    run = fit_playlists(recipe, data, FitOptions(0, datetime.now(UTC), 0.85), unwatched)
    write_run(tmp_path / "run", run)
    serving, clustering = read_serving(tmp_path / "run", read_summary(tmp_path / "run"))
    codes = run.serving.codes(data.matrix)
    assert (codes < 0).any()
    assert np.array_equal(serving.codes(data.matrix), codes)
    assert np.array_equal(clustering.memberships(codes), run.clustering.memberships(codes))


def test_a_run_tells_of_every_epoch(folder: Path) -> None:
    epochs = json.loads((folder / "run" / "history.json").read_text("utf-8"))
    assert {figures["phase"] for figures in epochs} == {"popularity^-0.25", "training on all"}
    assert all(figures["loss"] > 0 for figures in epochs)
    assert all(("validation_loss" in figures) == (figures["phase"] != "training on all") for figures in epochs)


def test_a_seed_makes_the_same_run_again(folder: Path) -> None:
    for name in ("model.npz", "clusters.json", "history.json", "predictions.parquet"):
        assert (folder / "run" / name).read_bytes() == (folder / "again" / name).read_bytes(), name


def test_what_was_merged_is_told(folder: Path, tmp_path: Path) -> None:
    """One play twice, and a user of whom the users table knows nothing."""
    for table in (folder / "data").glob("*.parquet"):
        shutil.copy(table, tmp_path)
    plays = pq.read_table(tmp_path / "plays.parquet")
    stranger = pa.table({"user_id": ["stranger"], "song_id": [plays["song_id"][0].as_py()]})
    pq.write_table(pa.concat_tables([plays, plays.slice(0, 1), stranger]), tmp_path / "plays.parquet")
    command = ["fit", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--recipe", "truncated_svd"]
    assert main([*command, "--precision", "0.55"]) == 0
    summary = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert (summary["data"]["duplicate_plays"], summary["data"]["users_not_listed"]) == (1, 1)
    calibration = summary["calibration"]
    assert (calibration["promised_precision"], calibration["coverage"]) == (0.55, 1), "so little is promised to all"


def test_a_synthetic_folder_says_which_of_its_songs_are_the_published_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["synthesize", "--out", str(tmp_path / "data"), "--users", "20", "--songs", "150"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "20 users, 150 songs" in said
    assert "The 25 songs of the published example are among them, made popular and skewed as their published" in said


def test_the_drifts_baseline_is_what_the_worker_would_have_said_of_the_held_out(folder: Path) -> None:
    summary = json.loads((folder / "run" / "run.json").read_text("utf-8"))
    calibration, told = summary["calibration"], summary["distribution"]["gender"]
    held = pq.read_table(folder / "run" / "predictions.parquet").to_pylist()
    silent = [
        max(user["probability"], 1 - user["probability"]) < calibration["threshold"]
        or user["known_songs"] < calibration["min_known_songs"]
        for user in held
    ]
    women = [user["probability"] < 0.5 for user in held]
    assert told["abstained"] == pytest.approx(np.mean(silent))
    assert told["f"] == pytest.approx(np.mean([woman and not mute for woman, mute in zip(women, silent, strict=True)]))
    assert sum(told.values()) == pytest.approx(1)


def test_the_drifts_baseline_is_made_of_the_held_out(folder: Path, tmp_path: Path) -> None:
    """Every third user has a song of their own, which is unknown where they are held out."""
    for table in (folder / "data").glob("*.parquet"):
        shutil.copy(table, tmp_path)
    plays = pq.read_table(tmp_path / "plays.parquet")
    users = sorted(set(plays["user_id"].to_pylist()))[::3]
    own = pa.table({"user_id": users, "song_id": [f"own {user}" for user in users]})
    pq.write_table(pa.concat_tables([plays, own]), tmp_path / "plays.parquet")
    assert main(["fit", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--recipe", "truncated_svd"]) == 0
    baseline = json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))["distribution"]
    held = pq.read_table(tmp_path / "run" / "predictions.parquet")
    columns = ("probability", "songs", "known_songs", "cluster")
    probability, songs, known, cluster = (held[name].to_numpy() for name in columns)
    assert baseline["users"] == held.num_rows
    assert 0 < (known < songs).mean() < 1, "or the one could stand for the other"
    assert baseline["cluster"] == pytest.approx(np.bincount(cluster, minlength=len(baseline["cluster"])) / len(cluster))
    for name, values in (
        ("confidence", np.maximum(probability, 1 - probability)),
        ("known_song_share", known / np.maximum(songs, 1)),
        ("playlist_length", songs),
    ):
        counts, _ = np.histogram(values, baseline[name]["edges"])
        assert baseline[name]["shares"] == pytest.approx(counts / len(values)), name


def test_planted_clusters_are_recovered(folder: Path) -> None:
    """Held-out users of one planted cluster mostly land in one found cluster."""
    predictions = pq.read_table(folder / "run" / "predictions.parquet").to_pydict()
    truth = pq.read_table(folder / "data" / "truth_users.parquet").to_pydict()
    planted = dict(zip(truth["user_id"], truth["cluster"], strict=True))
    pairs = list(zip(predictions["cluster"], (planted[user] for user in predictions["user_id"]), strict=True))
    best = sum(max(pairs.count((found, name)) for name in set(planted.values())) for found, _ in dict(pairs).items())
    assert best / len(pairs) > 0.8
    # Purity alone would be best with a cluster for every user.
    assert adjusted_rand_score(*map(list, zip(*pairs, strict=True))) > 0.6
    assert abs(len(json.loads((folder / "run" / "clusters.json").read_text("utf-8"))) - len(CLUSTER_NAMES)) <= 1


def test_codes_are_those_of_the_run(folder: Path) -> None:
    assert (
        main(["encode", str(folder / "run"), "--data", str(folder / "data"), "--out", str(folder / "c.parquet")]) == 0
    )
    codes = pq.read_table(folder / "c.parquet")
    assert codes.column_names == ["user_id", "known_songs", "cluster", "probability", "code"]
    assert codes.num_rows == 800
    values = np.array(codes["code"].to_pylist())
    assert values.shape == (800, 32)
    assert (values >= 0).all()
    with np.load(folder / "run" / "model.npz") as model:
        users, songs = (pq.read_table(folder / name) for name in ("data/plays.parquet", "run/songs.parquet"))
        mine = [play["song_id"] for play in users.to_pylist() if play["user_id"] == codes["user_id"][0].as_py()]
        rows = [songs["song_id"].to_pylist().index(song) for song in mine]
        expected = np.maximum(model["table"][rows].sum(axis=0) / np.sqrt(len(rows)) + model["bias"], 0)
    assert values[0] == pytest.approx(expected, abs=1e-3)


def test_clusters_beside_the_codes_are_those_of_the_run(folder: Path, tmp_path: Path) -> None:
    run, out = folder / "run", tmp_path / "codes.parquet"
    assert main(["encode", str(run), "--data", str(folder / "data"), "--out", str(out)]) == 0
    users = pq.read_table(out).to_pydict()
    cluster_of = dict(zip(users["user_id"], users["cluster"], strict=True))
    held = pq.read_table(run / "predictions.parquet").to_pydict()
    assert [cluster_of[user] for user in held["user_id"]] == held["cluster"]
    _, clustering = read_serving(run, read_summary(run))
    memberships = clustering.memberships(np.array(users["code"], np.float32))
    assert users["probability"] == pytest.approx(memberships.max(axis=1), rel=1e-4)
    assert len(set(users["cluster"])) == len(clustering.centroids)


def test_the_map_is_of_the_held_out(folder: Path, tmp_path: Path) -> None:
    """Who is near on it is near in the codes of the same users."""
    out = tmp_path / "codes.parquet"
    assert main(["encode", str(folder / "run"), "--data", str(folder / "data"), "--out", str(out)]) == 0
    users = pq.read_table(out).to_pydict()
    code_of = dict(zip(users["user_id"], users["code"], strict=True))
    held = pq.read_table(folder / "run" / "predictions.parquet").to_pydict()
    places = np.stack([held["map_x"], held["map_y"]], axis=1)
    assert trustworthiness(np.array([code_of[user] for user in held["user_id"]]), places) > 0.85


def test_report_needs_no_network(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures, page = folder / "figures.json", folder / "page.html"
    recipes = ["logistic_length", "majority"]
    evaluated = [
        "evaluate",
        "--data",
        str(folder / "data"),
        "--folds",
        "2",
        "--out",
        str(figures),
        "--recipe",
        *recipes,
    ]
    assert main(evaluated) == 0
    assert "| logistic_length | 0." in capsys.readouterr().out
    summary = json.loads(figures.read_text("utf-8"))["summary"]
    assert summary["reference"] == "logistic_length"
    assert summary["recipes"]["majority"]["reference_better_by"]["difference"] > 0.1
    units = write_units(folder / "units.json", figures)
    evaluations = ["--evaluation", str(figures), str(units)]
    assert main(["report", str(folder / "run"), "--out", str(page), *evaluations]) == 0
    text = page.read_text("utf-8")
    assert text.count("<svg") == 13
    assert text.count("AUC by units") == 1
    assert text.count("<h2>Compared on the same folds</h2>") == 2
    clusters = json.loads((folder / "run" / "clusters.json").read_text("utf-8"))
    assert clusters
    assert all(f"<td>{escape(one['name'])}</td>" in text for one in clusters)
    assert not fetched(text)


def fetched(page: str) -> list[str]:
    """What a page would load from elsewhere, its own parts and what is written out in it aside."""
    loaded = r'<(?:script|link|iframe)\b|@import|(?:\b(?:src|href)=|url\()["\']?+(?!#|data:)[^"\')>]*'
    return re.findall(loaded, page)


def write_units(path: Path, like: Path) -> Path:
    """An evaluation of the default with two numbers of units, its figures borrowed from another's."""
    results = json.loads(like.read_text("utf-8"))
    folds = results["recipes"]["logistic_length"]["folds"]
    recipe = {"model": "songprint", "taste_units": 16}
    results["recipes"] = {
        name: {"recipe": {"name": name, "units": units, **recipe}, "folds": folds}
        for name, units in (("songprint", 112), ("songprint:units=48", 48))
    }
    path.write_text(json.dumps(results), "utf-8")
    return path


def test_a_run_stands_beside_baselines_on_the_same_users(folder: Path, tmp_path: Path) -> None:
    figures = json.loads((folder / "run" / "run.json").read_text("utf-8"))["figures"]
    held, baselines = figures["held_out"], figures["baselines"]
    assert set(baselines) == {"majority", "logistic_length"}
    assert baselines["majority"]["auc"] == 0.5
    assert baselines["majority"]["accuracy"] == pytest.approx(held["majority"])
    assert 0.6 < baselines["logistic_length"]["auc"] < 1
    assert main(["report", str(folder / "run"), "--out", str(tmp_path / "page.html")]) == 0
    text = (tmp_path / "page.html").read_text("utf-8")
    for name, one in (("songprint", held), *baselines.items()):
        assert f'<td>{name}</td><td class="number">{one["auc"]:.4f}</td>' in text
    assert text.count("<svg") == 12


def write_listeners(folder: Path, men: int, women: int, songs: int) -> str:
    """Listeners whose playlists are one, two, … or `songs` of as many songs."""
    users = [(f"u{number}", "m" if number < men else "f") for number in range(men + women)]
    plays = [(user, f"s{song}") for row, (user, _) in enumerate(users) for song in range(row % songs + 1)]
    for name, head, rows in (("users", "user_id,gender", users), ("plays", "user_id,song_id", plays)):
        (folder / f"{name}.csv").write_text("\n".join([head, *map(",".join, rows)]) + "\n")
    return str(folder)


def test_ways_to_cluster_are_compared_with_as_many_clusters_as_the_run_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.compare_taste.METHODS", {"kmeans": METHODS["kmeans"]})
    run, out = write_small_run(tmp_path / "run"), tmp_path / "taste.json"
    command = ["cluster", str(run), "--data", write_listeners(tmp_path, 30, 30, 8), "--seeds", "1", "--out", str(out)]
    for asked, expected in (([], 3), (["--clusters", "5"], 5)):
        assert main([*command, *asked]) == 0
        assert json.loads(out.read_text("utf-8"))["clusters"] == expected


@pytest.mark.parametrize(
    ("listeners", "command", "says"),
    [
        ((60, 0, 8), ["fit"], "the data has 0 f, 60 m among its users"),
        ((60, 0, 8), ["evaluate"], "the data has 0 f, 60 m among its users"),
        ((30, 30, 8), ["evaluate", "--folds", "50"], "use --folds 15 or fewer"),
        ((30, 30, 4), ["fit"], "only 4 different playlists among them"),
        ((30, 30, 8), ["fit", "--recipe", "majority"], "majority tells everybody the same"),
    ],
)
def test_what_cannot_be_learnt_is_said_before_any_training(
    listeners: tuple[int, int, int],
    command: list[str],
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def began(*_: object) -> None:
        raise AssertionError("training began")

    for module in ("fit_playlists", "evaluate"):
        monkeypatch.setattr(f"training.{module}.fit_calibrated", began)
    data = write_listeners(tmp_path, *listeners)
    assert main([*command, "--data", data, "--out", str(tmp_path / "out")]) == 1
    assert says in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out").exists()


def test_the_precision_that_is_asked_for_is_what_a_fit_promises(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FitOptions] = []
    monkeypatch.setattr(commands_fit, "fit_folder", lambda family: lambda *arguments: asked.append(arguments[3]))
    command = ["fit", "--data", "any", "--out", str(tmp_path / "run")]
    assert main(command) == main([*command, "--precision", "0.9", "--seed", "7"]) == 0
    assert [(options.precision, options.seed) for options in asked] == [(0.85, 0), (0.9, 7)]


def test_folds_and_precision_that_are_asked_for_are_those_of_an_evaluation(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    command = ["evaluate", "--data", str(folder / "data"), "--recipe", "majority", "--out", str(out)]
    assert main([*command, "--folds", "3", "--repeats", "2", "--precision", "0.9", "--seed", "7"]) == 0
    results = json.loads(out.read_text("utf-8"))
    asked = {"folds": 3, "repeats": 2, "precision": 0.9, "seed": 7}
    assert asked.items() <= results["plan"].items()
    assert len(results["recipes"]["majority"]["folds"]) == 6


def test_a_run_is_never_overwritten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--data", str(folder / "data"), "--out", str(folder / "run")]) == 1
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["fit", "--data", "nowhere", "--out", "run"], "nowhere is not a folder"),
        (["fit", "--data", ".", "--out", "run", "--recipe", "songprnit"], "there is no recipe 'songprnit'"),
        (["evaluate", "--data", ".", "--out", "missing/figures.json"], "is missing; make it first"),
        (["report", ".", "--out", "page.html"], "is not a run folder"),
        (["encode", ".", "--data", ".", "--out", "codes.parquet"], "is not a run folder"),
    ],
)
def test_failures_are_told_in_words(
    arguments: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert says in error
    assert "Traceback" not in error
    assert not list(tmp_path.iterdir()), "something was left behind"


@pytest.mark.parametrize("arguments", [[], ["fly"], ["fit"], ["fit", "--data", "d", "--out", "o", "--seed", "-1"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert f"python -m training {command}" in capsys.readouterr().out


def test_help_does_not_wait_for_tensorflow() -> None:
    code = (
        "import sys\n"
        "from training.__main__ import main\n"
        "for arguments in (['--help'], ['fit', '--help'], ['report', '--help']):\n"
        "    try:\n"
        "        main(arguments)\n"
        "    except SystemExit:\n"
        "        pass\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
