"""Leaving by one path, whichever signal asks for it."""

import signal
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def leave_on_signals() -> None:
    """From now on each of ENDING raises KeyboardInterrupt in the main thread, so that `with` blocks clean up."""
    for number in ENDING:
        signal.signal(number, _interrupt)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Only once: the second signal must not break the clean-up of the first."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
