"""Leaving by one path, whichever signal asks for it."""

import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
AGAIN_SECONDS = 0.05


def leave_on_signals() -> None:
    """From now on each of ENDING raises KeyboardInterrupt in the main thread, so that `with` blocks clean up."""
    for number in ENDING:
        signal.signal(number, _interrupt)
    signal.signal(signal.SIGALRM, _interrupt)
    sys.unraisablehook = _interrupt_again


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """Only once: the second signal must not break the clean-up of the first."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _interrupt_again(lost: "UnraisableHookArgs") -> None:
    """Python drops what is raised while an object is finalized. An interrupt that met such a moment comes once more,
    when it is over.
    """
    if issubclass(lost.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, AGAIN_SECONDS)
    else:
        sys.__unraisablehook__(lost)
