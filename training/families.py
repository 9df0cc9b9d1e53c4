"""What kinds of data recipes learn from, and the workflow that fits each kind."""

from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Protocol

from rich.console import Console

from training.recipe import Recipe

FAMILIES = {
    "playlists": "training.fit_playlists",
}
"""Recipe family → a module with a function `fit_folder` of the type below; it is imported only when needed."""


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
