"""What the operating system's signals mean to a worker."""

import faulthandler
import logging
import os
import signal
import sys
import threading
from typing import Any, Protocol, Self

log = logging.getLogger(__name__)


class Told(Protocol):
    """Whom signals are passed on to."""

    def stop(self) -> None: ...

    def look_for_model(self) -> None: ...


class WorkerSignals:
    """In a `with` block SIGTERM and SIGINT stop the worker, and SIGHUP makes it look for a new bundle.

    Before there is a worker to tell, the former end the process at once, as planned, since nothing is under way yet,
    and the latter is kept until there is one. SIGUSR2 writes to stderr where each thread is, even of a process that
    hangs in a library in C.

    The handlers log nothing: a signal may arrive in the middle of a log line, where writing another one fails.
    """

    def __init__(self) -> None:
        self._worker: Told | None = None
        self._look = False
        self._stopped_by: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        handlers = {signal.SIGTERM: self._stop, signal.SIGINT: self._stop, signal.SIGHUP: self._look_for_model}
        self._before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        if sys.__stderr__ is not None:  # as it is where a process has none
            faulthandler.register(signal.SIGUSR2, file=sys.__stderr__)
        return self

    def __exit__(self, *_error: object) -> None:
        self._log_stop()
        faulthandler.unregister(signal.SIGUSR2)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def tell(self, worker: Told) -> None:
        """From now on `worker` is told."""
        self._worker = worker
        if self._look:
            worker.look_for_model()

    def _stop(self, number: int, _frame: object) -> None:
        self._stopped_by = number
        if self._worker is None:
            # No exception: it would fly through whatever is being imported, and a library in C++ aborts on it. And not
            # here, as the log may be busy with a line of this very thread.
            threading.Thread(target=self._leave).start()
        else:
            self._worker.stop()

    def _look_for_model(self, _number: int, _frame: object) -> None:
        self._look = True
        if self._worker is not None:
            self._worker.look_for_model()

    def _leave(self) -> None:
        self._log_stop()
        os._exit(0)

    def _log_stop(self) -> None:
        if self._stopped_by is not None:
            log.info("told to stop", extra={"signal": signal.Signals(self._stopped_by).name})
