"""A wall clock that can be set wrong. To be imported before the worker, which takes `time.time` where it is built."""

import time

_real = time.time
_shift = 0.0


def shift(seconds: float) -> None:
    """From now on the process is `seconds` ahead of the truth."""
    global _shift  # noqa: PLW0603  # there is one clock in a process
    _shift = seconds


def _shifted() -> float:
    return _real() + _shift


time.time = _shifted
