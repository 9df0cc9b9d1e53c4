"""Training ends when the held-out loss no longer falls, and what was best is kept."""

import pytest

from training.models.early_stopping import best_epoch, run_epochs
from training.watch import History


class Run:
    """Weights are the number of the epoch; its validation loss is looked up."""

    def __init__(self, *validation: float) -> None:
        self.epoch = 0
        self._validation = validation

    def train(self) -> float:
        self.epoch += 1
        return 1 / self.epoch

    def weights(self) -> int:
        return self.epoch

    def validate(self, weights: int) -> float:
        return self._validation[weights - 1]


@pytest.mark.parametrize(
    ("validation", "best", "trained"),
    [
        ((0.7, 0.5, 0.6, 0.55, 0.4, 0.3), 2, 4),
        ((0.7, 0.5, 0.6, 0.4, 0.45, 0.46, 0.1), 4, 6),
        ((0.9, 0.8, 0.7, 0.6, 0.5, 0.4), 6, 6),
    ],
)
def test_the_best_epoch_is_found_and_its_weights_are_kept(
    validation: tuple[float, ...], best: int, trained: int
) -> None:
    run, history = Run(*validation), History()
    epochs, kept = best_epoch(6, 2, run.train, run.weights, run.validate, history)
    assert (epochs, run.epoch) == (best, trained)
    assert kept == best
    assert [figures["epoch"] for figures in history.epochs] == list(range(1, trained + 1))
    assert [figures["loss"] for figures in history.epochs] == [1 / epoch for epoch in range(1, trained + 1)]
    assert [figures["validation_loss"] for figures in history.epochs] == list(validation[:trained])


def test_a_known_number_of_epochs_is_told_one_by_one() -> None:
    history = History()
    run_epochs(3, Run().train, history, "classifier")
    assert [(figures["phase"], figures["epoch"]) for figures in history.epochs] == [
        ("classifier", 1),
        ("classifier", 2),
        ("classifier", 3),
    ]
