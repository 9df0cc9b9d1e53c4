"""Training until the loss on held-out users stops falling."""

from collections.abc import Callable
from typing import TypeVar

from training.watch import Watch

Weights = TypeVar("Weights")


def best_epoch(
    epochs: int,
    patience: int,
    train: Callable[[], float],
    weights: Callable[[], Weights],
    validate: Callable[[Weights], float],
    watch: Watch,
) -> tuple[int, Weights]:
    """Train epoch by epoch, at most `epochs`; stop `patience` epochs after the least validation loss.

    Returns the number of that best epoch, counted from 1, and the weights after it.
    """
    best, kept, least = 0, weights(), float("inf")
    for epoch in range(1, epochs + 1):
        loss, now = train(), weights()
        validation = validate(now)
        watch({"phase": "finding the epochs", "epoch": epoch, "loss": loss, "validation_loss": validation}, epochs)
        if validation < least:
            best, kept, least = epoch, now, validation
        if epoch - best >= patience:
            break
    return max(best, 1), kept


def run_epochs(epochs: int, train: Callable[[], float], watch: Watch, phase: str) -> None:
    """Train for a known number of epochs."""
    for epoch in range(1, epochs + 1):
        watch({"phase": phase, "epoch": epoch, "loss": train()}, epochs)
