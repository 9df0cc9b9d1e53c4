"""Noticing that a new bundle has been put in the old one's place."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from worker.errors import Stop
from worker.observe.metrics import DescribedModel

log = logging.getLogger(__name__)

Fingerprint = tuple[int, int, int]


class ModelWatch:
    """Loads and checks a new bundle in a thread, while the old model goes on; a bad one is refused.

    Args:
        bundle: the folder to watch.
        load: loads, verifies and warms up the bundle that is there now; raises Stop if it may not run.
        interval: seconds between two looks; 0 for looking only when asked to.
        clock: monotonic seconds.
    """

    def __init__(
        self, bundle: Path, load: Callable[[], DescribedModel], interval: float, clock: Callable[[], float]
    ) -> None:
        self._manifest = bundle / "manifest.json"
        self._load = load
        self._interval = interval
        self._clock = clock
        self._looked_at = clock()
        self._asked = False  # no Event: its lock may be held by the very thread that a signal interrupts
        self._seen = self._fingerprint()
        self._thread = ThreadPoolExecutor(1, "model-watch")
        self._loading: Future[DescribedModel] | None = None

    def look_now(self) -> None:
        """Look at the next poll, whatever the interval, and load even what looks the same; safe in a signal handler."""
        self._asked = True

    def poll(self) -> DescribedModel | Literal["refused"] | None:
        """A new model, ready to run; "refused" once for each bundle that may not run; None if there is nothing new."""
        if self._loading is not None:
            return self._outcome(self._loading) if self._loading.done() else None
        asked = self._asked
        if asked or (self._interval and self._clock() - self._looked_at >= self._interval):
            if asked:  # or else a signal since the line above would be forgotten
                self._asked = False
            self._looked_at = self._clock()
            found = self._fingerprint()
            if found is not None and (asked or found != self._seen):
                self._seen = found
                self._loading = self._thread.submit(self._load)
        return None

    def _outcome(self, loading: Future[DescribedModel]) -> DescribedModel | Literal["refused"]:
        self._loading = None
        try:
            return loading.result()
        except Stop as problem:
            log.error("the new bundle is refused; the model in use goes on", extra={"cause": str(problem)})
            return "refused"

    def _fingerprint(self) -> Fingerprint | None:
        """What changes when the bundle is replaced; None while there is none."""
        try:
            facts = self._manifest.stat()
        except OSError:
            return None  # between the removal of the old one and the renaming of the new one
        return facts.st_ino, facts.st_mtime_ns, facts.st_size

    def close(self) -> None:
        self._thread.shutdown()
