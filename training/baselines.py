"""What needs no encoder, on the users that a fit held out: a model that is no better is not worth serving."""

from training.calibrated_fit import fit_calibrated
from training.families import FitOptions
from training.metrics import scores
from training.models.interface import Examples
from training.recipe import load_recipe
from training.watch import unwatched

BASELINES = ("majority", "logistic_length")
FIGURES = ("auc", "accuracy", "log_loss", "calibration_error")


def measure_baselines(examples: Examples, options: FitOptions) -> dict[str, dict[str, float]]:
    """FIGURES by recipe, of the same held-out users as those of any other recipe with these options."""
    figures = {}
    for name in BASELINES:
        fit = fit_calibrated(load_recipe(name), examples, options.precision, options.seed, unwatched)
        logits = fit.fitted.rehearsal.logits(fit.known.matrix) / fit.calibration.temperature
        measured = scores(logits, fit.known.target, fit.calibration.threshold)
        figures[name] = {key: measured[key] for key in FIGURES}
    return figures
