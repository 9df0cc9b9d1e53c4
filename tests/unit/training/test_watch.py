"""Whoever waits for a fit sees how far it is, and how its losses fall."""

import io
import re

from rich.console import Console

from training.watch import History, progress_bar


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
