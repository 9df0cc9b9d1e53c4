"""Whether the worker lives and is ready."""

import json
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

STALLED_SECONDS = 60.0
"""Without a poll for so long a worker no longer counts as live: the alert SongprintHangs is near, and Kafka gives its
partitions to others when a session timeout more has passed.
"""


class Answer(NamedTuple):
    """The answer to a probe, with the reasons where it is no."""

    ok: bool
    reasons: Sequence[str]

    def body(self, yes: str) -> bytes:
        """The answer as JSON; `yes` is the status if it is one."""
        return json.dumps({"status": yes if self.ok else f"not {yes}", "reasons": list(self.reasons)}).encode()


class Health:
    """Told by the loop, asked by the probes. Live: the loop polls. Ready: it lives and nothing stands in its way.

    Args:
        clock: monotonic seconds.
        stalled_after: seconds without a poll after which the worker no longer counts as live.
    """

    def __init__(self, clock: Callable[[], float], stalled_after: float = STALLED_SECONDS) -> None:
        self._clock = clock
        self._stalled_after = stalled_after
        self._polled_at = clock()
        self._reasons: Sequence[str] = ("starting",)
        self._lock = threading.Lock()

    def polled(self) -> None:
        """The loop has polled just now."""
        with self._lock:
            self._polled_at = self._clock()

    def report(self, reasons: Sequence[str]) -> None:
        """What stands in the way of work; nothing: the worker is ready."""
        with self._lock:
            self._reasons = tuple(reasons)

    def silence(self) -> float:
        """Seconds since the loop last polled."""
        with self._lock:
            return self._clock() - self._polled_at

    def live(self) -> Answer:
        silent = self.silence()
        if silent <= self._stalled_after:
            return Answer(True, ())
        return Answer(
            False, (f"the loop has not polled for {silent:.0f} s; at most {self._stalled_after:g} s are usual",)
        )

    def ready(self) -> Answer:
        with self._lock:
            reasons = self._reasons
        reasons = (*self.live().reasons, *reasons)
        return Answer(not reasons, reasons)
