"""What kinds of data recipes learn from, and the workflow that fits each kind."""

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from training.errors import RunError
from training.recipe import Recipe

FAMILIES = {
    "images": "training.fit_images",
    "playlists": "training.fit_playlists",
    "song_vectors": "training.fit_song_vectors",
}
"""Recipe family → a module with a function `fit_folder` of the type below; it is imported only when needed."""

ENCODERS = {
    "images": "training.encode_images",
    "playlists": "training.encode",
    "song_vectors": "training.encode_song_vectors",
}
"""Recipe family → a module with `encode_folder(run, data, out)`, which writes codes and says in words what it wrote.

That of `images` takes another file, `reconstructions`, for the images as the model makes them.
"""

REPORTS = {
    "images": "training.report.image_page",
    "playlists": "training.report.page",
    "song_vectors": "training.report.song_vectors_page",
}
"""Recipe family → a module with `write_report(run, out, evaluations)`."""


@dataclass(frozen=True)
class FitOptions:
    """What a fit depends on besides the recipe and the data."""

    seed: int
    created: datetime
    # Precision that published labels are to reach.
    precision: float


class FitFolder(Protocol):
    """Train `recipe` on the folder `data`, write the run folder `out`, and tell the console how good it is."""

    def __call__(self, recipe: Recipe, data: Path, out: Path, options: FitOptions, console: Console) -> None: ...


def fit_folder(family: str) -> FitFolder:
    """The workflow of a family of FAMILIES."""
    function: FitFolder = import_module(FAMILIES[family]).fit_folder
    return function


def run_family(summary: dict[str, Any]) -> str:
    """The family of the recipe that a run was made with; `summary` is its run.json."""
    return str(summary["recipe"]["family"])


def require_family(run: Path, summary: dict[str, Any], family: str) -> None:
    """Raises RunError for a run of another family."""
    found = run_family(summary)
    if found != family:
        raise RunError(
            f"{run} is a run of {summary['recipe']['name']}, of the family {found}, where one of the family {family} "
            "is needed; give such a run, or fit one"
        )
