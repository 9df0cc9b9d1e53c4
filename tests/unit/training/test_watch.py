"""Whoever waits for a fit sees how far it is, and how its losses fall."""

import io
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from training import fit_playlists
from training.errors import DataError
from training.families import FitOptions
from training.recipe import load_recipe
from training.watch import History, Watch, progress_bar


def test_a_terminal_shows_a_bar_for_each_phase_with_its_losses() -> None:
    out = io.StringIO()
    with progress_bar(Console(file=out, force_terminal=True, width=140)) as watch:
        history = History(watch)
        for epoch in (1, 2):
            history({"phase": "autoencoder", "epoch": epoch, "loss": 0.5 / epoch, "validation_loss": 0.75}, 2)
        history({"phase": "classifier", "epoch": 1, "loss": 0.125}, 50)
    (*_, autoencoder, classifier) = (line for line in out.getvalue().splitlines() if re.search("autoenc|classif", line))
    assert "2/2" in autoencoder
    assert "loss 0.2500  validation_loss 0.7500" in autoencoder
    assert "1/50" in classifier
    assert "loss 0.1250" in classifier


def test_a_fit_of_playlists_shows_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fit(_recipe: object, _data: object, _options: object, watch: Watch) -> None:
        watch({"phase": "classifier", "epoch": 3, "loss": 0.125}, 50)
        raise DataError("enough")

    monkeypatch.setattr(fit_playlists, "load_playlists", lambda _: None)
    monkeypatch.setattr(fit_playlists, "fit_playlists", fit)
    out, options = io.StringIO(), FitOptions(0, datetime.now(UTC), 0.85)
    with pytest.raises(DataError, match="enough"):
        fit_playlists.fit_folder(
            load_recipe("majority"),
            tmp_path,
            tmp_path / "run",
            options,
            Console(file=out, force_terminal=True, width=140),
        )
    assert "3/50" in out.getvalue()
    assert "loss 0.1250" in out.getvalue()
