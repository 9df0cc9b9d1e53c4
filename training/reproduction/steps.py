"""What is made again: each step runs commands and leaves its tables in the folder of results."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

from training.datasets.table_file import find_table
from training.reproduction.command import Cost, run_command
from training.synthetic.shapes import write_shapes

BASELINES = ("majority", "logistic_raw", "logistic_length", "logistic_weighted")
LINEAR = ("pca", "truncated_svd")
NETWORKS = ("joint", "mult_vae", "denoising_autoencoder", "ktv_autoencoder_300", "ktv_autoencoder")
CLASSIFIER = "classifier_epochs=60,classifier_rate=0.01"
AUTOENCODER = f"units=16,epochs=8,rate=0.005,{CLASSIFIER}"
QUICK_PLAYLISTS = {
    "songprint": "units=16,taste_units=4,factors=8,popularity_exponents=[0.25],epochs=12,rate=0.005,table_rate=0.002",
    "joint": "units=16,epochs=12,rate=0.005",
    "mult_vae": f"units=16,epochs=15,rate=0.01,{CLASSIFIER}",
    **dict.fromkeys(("denoising_autoencoder", "ktv_autoencoder_300", "ktv_autoencoder"), AUTOENCODER),
    **dict.fromkeys(LINEAR, f"units=16,{CLASSIFIER}"),
    **dict.fromkeys(("logistic_raw", "logistic_length"), "strengths=[0.3]"),
    "logistic_weighted": "length_exponents=[0.5],popularity_exponents=[0.3],strengths=[0.3]",
}
"""Parameters of the quick form, on a few hundred users."""

UNITS = (32, 64, 128, 256, 512)
TASTE_UNITS = 16
SONG_VECTORS = (
    "song_vectors",
    "song_vectors_word2vec",
    "song_vectors_ppmi",
    # The best settings of PPMI on each of the two data folders, and the usual ones.
    "song_vectors_ppmi:smoothing=0,shift=0.1",
    "song_vectors_ppmi:shift=2",
    "song_vectors_ppmi:smoothing=0.75,fading=0",
    "song_vectors_features",
)
REVIEW_VECTORS = (
    "review_vectors",
    # With its usual settings, and with others: links are of no playlist, so that fading would do nothing.
    "review_vectors_ppmi",
    "review_vectors_ppmi:smoothing=0",
    "review_vectors_ppmi:shift=0.1",
    "review_vectors_ppmi:smoothing=0,shift=0.1",
    "review_vectors_ppmi:eigenvalue_exponent=0",
    "review_vectors_features",
)
REVIEWS = Path("../shared/data/pitchfork")
MNIST = Path("../shared/data/mnist-t10k")
IMAGE_RECIPES = (
    "image_kmeans",
    "image_autoencoder",
    "image_autoencoder_bce",
    "image_denoising",
    "image_vae",
    "conv_dec_da",
    "dec_da",
    "conv_dec",
    "dec",
    "idec",
)
EMBEDDED = "clusters=4,pretrain_epochs=8,pretrain_optimizer=adam,pretrain_rate=0.002,iterations=60,refresh=20,batch=50"
QUICK_IMAGES = 240
QUICK_SETTINGS = {
    "image_kmeans": "clusters=4,starts=4",
    "image_vae": "clusters=4,epochs=10,batch=50",
    **dict.fromkeys(("image_autoencoder", "image_autoencoder_bce", "image_denoising"), "clusters=4,epochs=5,batch=50"),
    **dict.fromkeys(("dec", "idec", "dec_da"), f"{EMBEDDED},widths=[64]"),
    **dict.fromkeys(("conv_dec", "conv_dec_da"), EMBEDDED),
}
"""Parameters of the quick form, on drawings of four shapes."""

SIZES = ((3_748, 16_692), (20_000, 16_692), (200_000, 16_692), (20_000, 100_000), (200_000, 100_000))


@dataclass(frozen=True)
class Place:
    """Where data folders are, where results go, and whether to only try everything out."""

    data: tuple[Path, ...]
    out: Path
    quick: bool


Step = Callable[[Place], Iterator[str]]
"""Says what it is about to do before each command."""


def compare_recipes(place: Place) -> Iterator[str]:
    """Every playlist recipe and baseline on the same folds: compare-NAME.json and .md."""
    for data in place.data:
        name, repeats = f"compare-{data.name}", ("--repeats", "1" if place.quick else "2")
        yield f"{data.name}: songprint against {', '.join(BASELINES + LINEAR)}"
        _evaluate(place, data, name, _variants(place, "songprint", *BASELINES, *LINEAR), repeats)
        yield f"{data.name}: songprint against {', '.join(NETWORKS)}"
        # Autoencoders over the whole catalogue take minutes a fold; half of the folds show how far behind they are.
        first = ("--first", "1" if place.quick else "5")
        _evaluate(place, data, name, _variants(place, "songprint", *NETWORKS), (*repeats, *first))


def _variants(place: Place, *names: str) -> tuple[str, ...]:
    """The recipes as they ship, or in the quick form with the parameters of QUICK_PLAYLISTS."""
    quick = QUICK_PLAYLISTS if place.quick else {}
    return tuple(f"{name}:{quick[name]}" if name in quick else name for name in names)


def compare_units(place: Place) -> Iterator[str]:
    """The default with smaller and larger tables: units-NAME.json and .md."""
    for data in place.data:
        widths = UNITS[:1] if place.quick else UNITS
        yield f"{data.name}: songprint with {', '.join(map(str, widths))} units"
        variants = (f"songprint:units={units - TASTE_UNITS},taste_units={TASTE_UNITS}" for units in widths)
        _evaluate(place, data, f"units-{data.name}", ("songprint", *variants), ())


def compare_song_vectors(place: Place) -> Iterator[str]:
    """Song vectors on the same held-out co-occurrences: vectors-NAME and reviews-NAME, .json and .md."""
    found = (REVIEWS,) if REVIEWS.is_dir() and not place.quick else ()
    for data in (*place.data, *found):
        for table, kind, recipes in (("plays", "vectors", SONG_VECTORS), ("reviews", "reviews", REVIEW_VECTORS)):
            if find_table(data, table):
                yield f"{data.name}: {recipes[0]} against {', '.join(recipes[1:])}"
                _evaluate(place, data, f"{kind}-{data.name}", recipes, ())


def measure_sizes(place: Place) -> Iterator[str]:
    """Time and memory of fit and encode at several sizes: sizes.md."""
    heads = ("users", "songs", "fit s", "fit MiB", "encode s", "encode MiB", "fit ms a user", "fit KiB a user")
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for users, songs in ((500, 500),) if place.quick else SIZES:
        yield f"songprint on {users:,} users and {songs:,} songs"
        with TemporaryDirectory(dir=place.out) as folder:
            data, run, codes = (Path(folder, name) for name in ("data", "run", "codes.parquet"))
            run_command("synthesize", "--out", data, "--users", str(users), "--songs", str(songs))
            fit = _fit(place, data, run)
            encode = run_command("encode", run, "--data", data, "--out", codes)
        measured = (users, songs, fit.seconds, fit.mebibytes, encode.seconds, encode.mebibytes)
        rates = (1_000 * fit.seconds / users, 1_024 * fit.mebibytes / users)
        cells = [*(f"{value:,.0f}" for value in measured), *(f"{rate:,.2f}" for rate in rates)]
        lines.append(f"| {' | '.join(cells)} |")
        (place.out / "sizes.md").write_text("\n".join(lines) + "\n", "utf-8")


def _fit(place: Place, data: Path, run: Path) -> Cost:
    """The default, or its quick form."""
    settings = QUICK_PLAYLISTS["songprint"].split(",") if place.quick else []
    return run_command("fit", "--data", data, "--out", run, *chain.from_iterable(("--set", each) for each in settings))


def _evaluate(place: Place, data: Path, name: str, recipes: tuple[str, ...], options: tuple[str, ...]) -> None:
    """Figures that are in the file already are kept, so a stopped reproduction goes on where it was."""
    folds = "2" if place.quick else "5"
    out = place.out / f"{name}.json"
    arguments: tuple[str | Path, ...] = ("--data", data, "--folds", folds, "--out", out, *options, "--recipe", *recipes)
    run_command("evaluate", *arguments, output=place.out / f"{name}.md")


def compare_images(place: Place) -> Iterator[str]:
    """Every recipe that clusters images, over several seeds, quick ones first: images.json and .md."""
    folder, seeds = (place.out / "shapes", "2") if place.quick else (MNIST, "5")
    if place.quick and not folder.is_dir():
        write_shapes(folder, QUICK_IMAGES)
    if not folder.is_dir():
        yield f"{folder} is not there: nothing is measured on it"
        return
    recipes = [f"{name}:{QUICK_SETTINGS[name]}" for name in IMAGE_RECIPES] if place.quick else list(IMAGE_RECIPES)
    yield f"{folder.name}: {', '.join(IMAGE_RECIPES)} with {seeds} seeds each"
    out = place.out / "images.json"
    arguments: tuple[str | Path, ...] = ("--data", folder, "--seeds", seeds, "--out", out, "--recipe", *recipes)
    run_command("evaluate", *arguments, output=place.out / "images.md")


def compare_taste(place: Place) -> Iterator[str]:
    """Ways to cluster users by their codes, with and without a planted truth: taste-NAME.json and .md."""
    planted = place.out / "planted"
    if not planted.is_dir():
        yield f"a synthetic folder in {planted}"
        run_command("synthesize", "--out", planted, *(("--users", "300", "--songs", "300") if place.quick else ()))
    for data in (planted, *(() if place.quick else place.data)):
        name, seeds = f"taste-{data.name}", "2" if place.quick else "5"
        yield f"{data.name}: K-means, spherical K-means, Gaussian mixture, DEC and IDEC on the codes of songprint"
        with TemporaryDirectory(dir=place.out) as folder:
            run = Path(folder, "run")
            _fit(place, data, run)
            out = place.out / f"{name}.json"
            run_command("cluster", run, "--data", data, "--seeds", seeds, "--out", out, output=place.out / f"{name}.md")


STEPS: dict[str, Step] = {
    "recipes": compare_recipes,
    "units": compare_units,
    "sizes": measure_sizes,
    "song_vectors": compare_song_vectors,
    "images": compare_images,
    "taste": compare_taste,
}
