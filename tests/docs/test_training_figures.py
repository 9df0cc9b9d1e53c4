"""What the README tells of training: rows are the recipes of its commands, sentences say what the tables say.

What needs no training to speak of is measured again where the data are.
"""

import re
from pathlib import Path

import pytest

from tests.in_process import run_command
from training.calibration import PRECISION
from training.datasets.load import load_playlists
from training.reproduction.steps import BASELINES, IMAGE_RECIPES, LINEAR, NETWORKS

ROOT = Path(__file__).parents[2]
PLAYLISTS = {
    "majority": "majority",
    "truncated SVD": "truncated_svd",
    "PCA": "pca",
    "logistic regression, multi-hot": "logistic_raw",
    "logistic regression, playlists / sqrt(songs)": "logistic_length",
    "best logistic regression": "logistic_weighted",
    "joint": "joint",
    "**songprint** (default)": "songprint",
    "denoising autoencoder": "denoising_autoencoder",
    "published autoencoder, 300 units": "ktv_autoencoder_300",
    "published autoencoder, 500 units": "ktv_autoencoder",
    "variational autoencoder": "mult_vae",
}
IMAGES = {
    "symmetric autoencoder 784-32-784, MSE": "image_autoencoder",
    "symmetric autoencoder 784-32-784, BCE": "image_autoencoder_bce",
    "denoising autoencoder": "image_denoising",
    "K-means on the pixels": "image_kmeans",
    "variational autoencoder": "image_vae",
    "convolutional DEC, `conv_dec`": "conv_dec",
    "DEC with augmentation, dense layers, `dec_da`": "dec_da",
    "**convolutional DEC with augmentation**, `conv_dec_da`": "conv_dec_da",
}
"""Recipes by what the README calls them."""


def section(heading: str) -> str:
    _, _, after = (ROOT / "README.md").read_text("utf-8").partition(f"\n## {heading}\n")
    return after.partition("\n## ")[0]


LABELS, VECTORS, DIGITS = (
    section(f"How good the {what} are") for what in ("labels", "vectors of songs", "clusters of images")
)


def tables(text: str) -> list[dict[str, dict[str, str]]]:
    """Each table's cells, by the first cell of the row and the head of the column."""
    found = []
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        head, _, *rows = ([cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines())
        found.append({name: dict(zip(head[1:], cells, strict=True)) for name, *cells in rows})
    return found


ON_LISTENERS, ON_ARTISTS = tables(LABELS)
(OF_VECTORS,) = tables(VECTORS)
HEADS = list(OF_VECTORS["plain features"])
(OF_DIGITS,) = tables(DIGITS)


def told(cell: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d*\.\d+", cell)]


def first(cell: str) -> float:
    return told(cell)[0]


def asked_for(text: str) -> set[str]:
    """The recipes of a part's one command."""
    (names,) = re.findall(r"`[^`]*training evaluate [^`]*--recipe ([^`]+?)\s--out FILE.json`", text)
    return set(names.split())


def test_every_row_is_a_recipe_of_the_command_that_is_told() -> None:
    assert {PLAYLISTS[name] for name in ON_LISTENERS} == asked_for(LABELS)
    assert {PLAYLISTS[name] for name in ON_ARTISTS} == {"songprint", *BASELINES, *LINEAR, *NETWORKS}
    assert {IMAGES[name] for name in OF_DIGITS if name in IMAGES} == asked_for(DIGITS)
    assert set(OF_DIGITS) - set(IMAGES) == {"where `conv_dec_da` starts from"}


@pytest.mark.parametrize(("table", "least"), [(ON_LISTENERS, 0.766), (ON_ARTISTS, 0.806)], ids=["listeners", "artists"])
def test_the_default_is_the_best_and_keeps_what_it_promises(table: dict[str, dict[str, str]], least: float) -> None:
    aucs = [first(row["AUC"]) for row in table.values()]
    assert aucs == sorted(aucs), "the best comes last"
    *others, (name, best) = table.items()
    assert name == "**songprint** (default)"
    assert aucs[-1] >= least
    assert all(first(row["p"]) < 0.05 for _, row in others), "some may be as good"
    assert told(best["calibration error: a fold, all"])[1] < 0.02
    assert first(best["precision"]) == pytest.approx(PRECISION, abs=0.01)


def test_what_is_said_of_the_published_autoencoder_stands_in_the_table() -> None:
    ours, smaller = (ON_ARTISTS[f"published autoencoder, {units} units"]["accuracy"] for units in (500, 300))
    text = " ".join(LABELS.split())
    assert re.findall(r"its accuracy (\.\d+) ± \.\d+ where always saying m has (\.\d+)", text) == [
        (ours, ON_ARTISTS["majority"]["accuracy"])
    ]
    assert first(smaller) >= first(ours), "300 units are as good too"
    assert "a loss of .0090, .0312 in validation, and an accuracy of about .83 are published" in text


def test_vectors_are_better_than_factors_by_what_is_said() -> None:
    artists, reviews = OF_VECTORS["**song_vectors**, **review_vectors**"].values()
    usual, other = OF_VECTORS["PPMI + SVD, usual settings"].values()
    best, _ = OF_VECTORS["PPMI + SVD, best settings for this folder"].values()
    said = re.findall(
        r"Better than PPMI by (\.\d+) with its best settings .*? by (\.\d+) with its usual ones", VECTORS, re.S
    )
    gains = (first(artists) - first(best), first(reviews) - first(other))
    assert [tuple(map(float, each)) for each in said] == [pytest.approx(gains, abs=1e-9)]
    assert first(usual) <= first(best)


def test_the_best_recipe_for_digits_is_beyond_nine_in_ten() -> None:
    accuracies = {name: first(row["accuracy"]) for name, row in OF_DIGITS.items()}
    best = "**convolutional DEC with augmentation**, `conv_dec_da`"
    assert max(accuracies, key=accuracies.__getitem__) == best
    assert accuracies[best] > 0.96
    assert accuracies["K-means on the pixels"] == pytest.approx(0.53, abs=0.02), "as published"
    assert all(first(row["worst"]) <= accuracies[name] for name, row in OF_DIGITS.items())
    assert "measures all ten" in " ".join(DIGITS.split())
    assert len(IMAGE_RECIPES) == 10


def data(name: str) -> Path:
    folder = ROOT / "../shared/data" / name
    if not folder.is_dir():
        pytest.skip(f"../shared/data/{name} is not there")
    return folder


def measured(folder: Path, out: Path, *options: str) -> str:
    """The table of an evaluation."""
    run_command("evaluate", "--data", folder, "--out", out / "figures.json", *options, output=out / "table.md")
    return (out / "table.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "quoted", "said"),
    [
        ("lfm2b-sample", ON_LISTENERS, "{:,} Last.fm listeners (`lfm2b-sample`)"),
        ("lastfm-artists", ON_ARTISTS, "{:,} listeners of {:,} artists (`lastfm-artists`)"),
    ],
    ids=["listeners", "artists"],
)
def test_listeners_and_their_majority_are_those_of_the_data(
    name: str, quoted: dict[str, dict[str, str]], said: str, tmp_path: Path
) -> None:
    folder = data(name)
    assert said.format(*load_playlists(folder).played_songs().matrix.shape) in " ".join(LABELS.split())
    table = measured(folder, tmp_path, "--folds", "5", "--repeats", "2", "--recipe", "majority")
    (row,) = tables(table)[0].values()
    ours = quoted["majority"]
    assert (first(ours["AUC"]), first(ours["accuracy"])) == (first(row["AUC"]), first(row["accuracy"]))
    errors = row["calibration error"], row["calibration error over all folds"]
    assert told(ours["calibration error: a fold, all"]) == [first(error) for error in errors]


def test_what_vectors_are_measured_beside_is_that_of_the_data(tmp_path: Path) -> None:
    table = measured(data("lastfm-artists"), tmp_path, "--recipe", "song_vectors_features")
    (row,) = tables(table)[0].values()
    ((popular, ceiling),) = re.findall(r"the ten most popular hit ([\d.]+), .* can reach is ([\d.]+)\.", table)
    (quoted,) = ({name: row[head] for name, row in OF_VECTORS.items()} for head in HEADS if "`lastfm-artists`" in head)
    assert told(quoted["plain features"]) == told(row["hit rate at 10"])
    assert told(quoted["the ten most popular"]) == [float(popular)]
    assert told(quoted["the most that any ten per song can reach"]) == [float(ceiling)]
