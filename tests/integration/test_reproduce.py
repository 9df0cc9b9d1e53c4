"""The quick form of `make reproduce`: everything that it will run for hours runs, on small data."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.in_process import run_command
from training.datasets.load import load_playlists
from training.evaluate import evaluate, figure, make_plan
from training.recipe import load_recipe, load_variant, recipe_names
from training.reproduce import DATA, main
from training.reproduction import steps
from training.reproduction.command import Cost
from training.synthetic.settings import SyntheticSettings
from training.synthetic.write import write_synthetic
from training.watch import unwatched


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reproduce") / "small"
    write_synthetic(folder, SyntheticSettings(users=700, songs=150, gender_skew=1.2))
    return folder


PLAYLISTS = ("songprint", *steps.BASELINES, *steps.LINEAR, *steps.NETWORKS)


@pytest.mark.parametrize(
    ("family", "measured"),
    [
        ("playlists", PLAYLISTS),
        ("images", steps.IMAGE_RECIPES),
        ("song_vectors", (*steps.SONG_VECTORS, *steps.REVIEW_VECTORS)),
    ],
)
def test_every_recipe_that_ships_is_measured(family: str, measured: tuple[str, ...]) -> None:
    variants = [load_variant(name) for name in measured]
    assert {variant.family for variant in variants} == {family}
    shipped = {name for name in recipe_names() if load_recipe(name).family == family}
    assert {variant.name.partition(":")[0] for variant in variants} == shipped


def test_every_recipe_that_learns_has_a_quick_form() -> None:
    assert set(steps.QUICK_PLAYLISTS) == set(PLAYLISTS) - {"majority"}
    assert set(steps.QUICK_SETTINGS) == set(steps.IMAGE_RECIPES)
    for name, settings in (steps.QUICK_PLAYLISTS | steps.QUICK_SETTINGS).items():
        load_variant(f"{name}:{settings}")


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what `test_measures_sizes` and `test_a_failed_step_is_told` run as it is."""
    monkeypatch.setattr(steps, "run_command", run_command)


@pytest.mark.usefixtures("in_process")
def test_compares_recipes(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of each kind; that every one of them learns is for the tests of the models."""
    monkeypatch.setattr(steps, "NETWORKS", ("joint",))
    monkeypatch.setattr(steps, "LINEAR", ("truncated_svd",))
    monkeypatch.setattr(steps, "BASELINES", ("logistic_length",))
    command = ["--quick", "--only", "recipes", "--data", str(data), "--out", str(tmp_path)]
    assert main(command) == 0
    results = json.loads((tmp_path / "compare-small.json").read_text("utf-8"))
    folds = {name.partition(":")[0]: len(stored["folds"]) for name, stored in results["recipes"].items()}
    assert folds == {"songprint": 2, "logistic_length": 2, "truncated_svd": 2, "joint": 1}
    assert results["summary"]["reference"] == "songprint:" + steps.QUICK_PLAYLISTS["songprint"]
    assert "| songprint" in (tmp_path / "compare-small.md").read_text("utf-8")


@pytest.mark.parametrize("name", sorted(steps.QUICK_PLAYLISTS))
def test_every_quick_form_learns(name: str, data: Path, tmp_path: Path) -> None:
    """On the first fold: users with a planted gender, of whom nothing was learnt."""
    playlists = load_playlists(data)
    recipe = load_variant(f"{name}:{steps.QUICK_PLAYLISTS[name]}")
    results = evaluate(
        [recipe], playlists, make_plan(playlists, 2, 1, 0, 0.85), tmp_path / "f.json", unwatched, first=1
    )
    assert figure(results, recipe.name, "auc")[0] > 0.65


def test_measures_every_size_of_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[tuple[str | Path, ...]] = []
    monkeypatch.setattr(steps, "run_command", lambda *arguments, output: commands.append(arguments))
    assert list(steps.compare_units(steps.Place((Path("listeners"),), tmp_path, quick=False))) == [
        "listeners: songprint with 32, 64, 128, 256, 512 units"
    ]
    ((*_, recipe, first, second, third, fourth, fifth, sixth),) = commands
    assert (recipe, first) == ("--recipe", "songprint")
    variants = [load_variant(str(name)).parameters for name in (second, third, fourth, fifth, sixth)]
    assert [each.units + each.taste_units for each in variants] == [32, 64, 128, 256, 512]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What `make reproduce` would run for hours, step by step, on two folders and in `tmp_path`."""
    ran: list[list[str]] = []

    def note(*arguments: str | Path, output: Path | None = None) -> Cost:
        ran.append(list(map(str, arguments)))
        return Cost(1.0, 1.0)

    monkeypatch.setattr(steps, "run_command", note)
    monkeypatch.setattr(steps, "MNIST", tmp_path)
    monkeypatch.setattr(steps, "REVIEWS", tmp_path / "critics")
    for name in ("first", "second"):
        write_listeners(tmp_path / name)
    (tmp_path / "critics").mkdir()
    (tmp_path / "critics" / "reviews.csv").write_text("artist,genre,score\n")
    place = steps.Place((tmp_path / "first", tmp_path / "second"), tmp_path, quick=False)
    for step in steps.STEPS.values():
        list(step(place))
    return ran


def test_the_folders_are_those_of_which_figures_are_quoted() -> None:
    folders = [folder.name for folder in (*DATA, steps.REVIEWS, steps.MNIST)]
    assert folders == ["lfm2b-sample", "lastfm-artists", "pitchfork", "mnist-t10k"]
    readme = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    assert all(f"`{name}`" in readme for name in folders)


def write_listeners(folder: Path) -> None:
    folder.mkdir()
    (folder / "plays.csv").write_text("user_id,song_id\n")


def values(command: list[str], option: str) -> str:
    return command[command.index(option) + 1]


def test_the_long_form_has_the_folds_seeds_and_sizes_that_are_quoted(commands: list[list[str]]) -> None:
    evaluated = [command for command in commands if command[0] == "evaluate"]
    against = [command for command in evaluated if "compare-" in values(command, "--out")]
    assert [(values(one, "--folds"), values(one, "--repeats")) for one in against] == [("5", "2")] * 4
    slow = [one for one in against if "ktv_autoencoder" in one]
    assert [values(one, "--first") for one in slow] == ["5"] * 2, "half of the folds, as the README says"
    assert {"songprint", "majority", "logistic_weighted", "joint", "mult_vae", "ktv_autoencoder"} <= {
        name for one in against for name in one[one.index("--recipe") + 1 :]
    }
    (images,) = [command for command in evaluated if values(command, "--out").endswith("images.json")]
    named = {Path(values(one, "--out")).name for one in evaluated}
    assert {f"units-{name}.json" for name in ("first", "second")} < named
    assert {"vectors-first.json", "vectors-second.json", "reviews-critics.json"} < named
    tastes = [command for command in commands if command[0] == "cluster"]
    assert len(tastes) == 3, "the planted one and both folders"
    assert [values(one, "--seeds") for one in (images, *tastes)] == ["5"] * 4
    made = [command for command in commands if command[0] == "synthesize" and "--users" in command]
    sizes = {(values(one, "--users"), values(one, "--songs")) for one in made}
    assert {users for users, songs in sizes if songs == "16692"} == {"3748", "20000", "200000"}
    assert "100000" in {songs for _, songs in sizes}


def test_measures_sizes(tmp_path: Path) -> None:
    """In a process of its own, which is as small as it is when somebody starts it."""
    words = ["--quick", "--only", "sizes", "--data", str(tmp_path), "--out", str(tmp_path / "out")]
    subprocess.run([sys.executable, "-m", "training.reproduce", *words], check=True)
    row = (tmp_path / "out" / "sizes.md").read_text("utf-8").splitlines()[-1]
    cells = [float(cell.replace(",", "")) for cell in row.strip("| ").split("|")]
    assert cells[:2] == [500, 500]
    assert min(cells[2:]) > 0
    assert cells[3] > 200, "TensorFlow alone takes more memory than that"
    assert cells[5] < cells[3], "codes are made without TensorFlow"
    assert cells[6] == pytest.approx(cells[2] * 1_000 / 500, abs=1), "milliseconds a user"
    assert cells[7] == pytest.approx(cells[3] * 1_024 / 500, abs=1.1), "KiB a user"


@pytest.mark.usefixtures("in_process")
def test_compares_recipes_for_images(tmp_path: Path) -> None:
    assert main(["--quick", "--only", "images", "--data", str(tmp_path), "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "images.json").read_text("utf-8"))["recipes"]
    assert {name.split(":")[0] for name in results} == set(steps.IMAGE_RECIPES)
    for name, stored in results.items():
        assert [fold["seed"] for fold in stored["folds"]] == [0, 1]
        assert sum(fold["accuracy"] for fold in stored["folds"]) / 2 > 0.35, f"{name} is no better than chance"
    table = (tmp_path / "images.md").read_text("utf-8")
    assert all(f"| {name} " in table for name in results)


@pytest.mark.usefixtures("in_process")
def test_compares_ways_to_cluster_tastes(tmp_path: Path) -> None:
    assert main(["--quick", "--only", "taste", "--data", str(tmp_path), "--out", str(tmp_path)]) == 0
    methods = json.loads((tmp_path / "taste-planted.json").read_text("utf-8"))["methods"]
    assert set(methods) == {"kmeans", "spherical_kmeans", "gaussian_mixture", "dec", "idec"}
    assert all(min(one["truth"]) > 0.2 for one in methods.values()), "a seed found nothing of the planted tastes"
    table = (tmp_path / "taste-planted.md").read_text("utf-8")
    assert all(f"| {name} " in table for name in methods)


def test_a_failed_step_is_told(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--only", "recipes", "--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "has no table 'users'" in capfd.readouterr().err
