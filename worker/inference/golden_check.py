"""Golden cases: the proof, before the first event, that the models answer here as they did when they were exported."""

import numpy as np
from numpy.typing import NDArray

from worker.contract.bundle import Bundle, BundleError

TOLERANCE = 5e-5
"""Largest difference between two runtimes' probabilities: half a unit of the last decimal that a label shows.
Float32 sums in another order differ by far less; another weight, song or operator by more."""


def check_golden(bundle: Bundle, gender: NDArray[np.float32], cluster: NDArray[np.float32]) -> None:
    """Raise BundleError unless the answers to the bundle's golden cases are those that TensorFlow gave."""
    for number, case in enumerate(bundle.golden):
        for head, found, expected in (("gender", gender, case.gender), ("cluster", cluster, case.cluster)):
            difference = float(np.abs(found[number] - np.asarray(expected)).max())
            if difference > TOLERANCE:
                raise BundleError(
                    f"{bundle.path / 'golden.json'}: case {number} ({len(case.songs)} songs): {head} differs by "
                    f"{difference:.2g} from the expected probabilities, at most {TOLERANCE:.0e} is allowed. The files "
                    "do not belong together, or the models run differently on this machine: export the run again."
                )
