"""Calibrated is the model that never saw the held-out genders, on those users, and on what it can know of them."""

import numpy as np
from scipy import sparse

from training.calibrated_fit import fit_calibrated
from training.calibration import calibrate
from training.datasets.playlists import Playlists
from training.datasets.split import hold_out
from training.models.interface import Examples
from training.recipe import load_recipe
from training.watch import unwatched


def test_calibrates_on_users_whose_genders_were_not_learnt(small: Playlists) -> None:
    """Of a model that learns by heart, whoever was learnt from would say that it is always right."""
    learn, held = hold_out(small.gender, 0.2, seed=2)
    only_theirs = sparse.csr_array(([1.0], ([held[0]], [0])), shape=(len(small.gender), 1), dtype=np.float32)
    matrix = sparse.csr_array(sparse.hstack([small.matrix, only_theirs]))
    examples = Examples(matrix, small.gender)
    fit = fit_calibrated(load_recipe("logistic_length", {"strengths": [30.0]}), examples, 0.85, 2, unwatched)
    heard = matrix.toarray()[learn].any(axis=0)
    known = Examples(sparse.csr_array(matrix.toarray()[held] * heard), small.gender[held])
    assert np.array_equal(fit.held, held)
    assert (fit.known.matrix != known.matrix).nnz == 0
    assert fit.calibration == calibrate(fit.fitted.rehearsal, known, 0.85, 2)
    learnt_by_heart = calibrate(fit.fitted.rehearsal, examples.rows(learn), 0.85, 2)
    assert fit.calibration.temperature > 3 * learnt_by_heart.temperature
