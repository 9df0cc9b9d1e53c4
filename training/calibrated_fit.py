"""A recipe fitted and calibrated: what `fit` and every fold of `evaluate` do alike."""

from dataclasses import dataclass

from training.calibration import Calibration, calibrate
from training.datasets.split import Rows, hold_out
from training.models.interface import Examples, Fitted
from training.recipe import Recipe
from training.watch import Watch

HELD_OUT = 0.2
"""Share of the users of known gender on which a model is stopped and calibrated before it is trained on all."""


@dataclass(frozen=True)
class CalibratedFit:
    """A fitted model, how to read its probabilities, and on whom that was measured."""

    fitted: Fitted
    calibration: Calibration
    # Rows of the held-out users among the examples.
    held: Rows
    # Those users, with only the songs that others have too.
    known: Examples


def fit_calibrated(recipe: Recipe, examples: Examples, precision: float, seed: int, watch: Watch) -> CalibratedFit:
    """Fit `recipe` on the examples and nothing else; labels are to reach `precision`."""
    learn, held = hold_out(examples.gender, HELD_OUT, seed)
    fitted = recipe.parameters.fit(examples, held, seed, watch)
    known = examples.rows(held).known_to(examples.rows(learn))
    calibration = calibrate(fitted.rehearsal, known, precision, seed)
    return CalibratedFit(fitted, calibration, held, known)
