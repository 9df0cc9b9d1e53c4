"""Runs a server that has to die with the process which asked for it, however that one ends.

    python guard.py COMMAND...

The asking process holds the other end of standard input. A byte written there is a signal to send to the server. The
end of input means: kill it; and as the kernel closes the files of a process that ends, by SIGKILL too, the server
never outlives its owner. Of all the ways to notice a parent's death this one works alike on Linux and macOS, and it
has no gap between the server's start and the watch over it. Signals to the guard go to the server. One that the guard
cannot pass on (SIGKILL) ends the server with it on Linux, whose kernel sees to that; on macOS the server stays.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PR_SET_PDEATHSIG = 1  # of Linux's <sys/prctl.h>


def prepare() -> None:
    """Runs in the process that is about to become the server."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def send(number: int, server: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):  # it has just ended by itself
        os.killpg(server.pid, number)


def obey(server: subprocess.Popen[bytes]) -> None:
    # os.read, because a buffered read in a daemon thread would block the interpreter's exit.
    while numbers := os.read(0, 16):
        for number in numbers:
            send(number, server)
    send(signal.SIGKILL, server)


def main() -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)  # or one that comes before the handlers leaves the server alone
    server = subprocess.Popen(
        sys.argv[1:],
        stdin=subprocess.DEVNULL,
        process_group=0,
        preexec_fn=prepare,  # noqa: PLW1509  (no other thread is there yet)
    )
    for number in ENDING:
        signal.signal(number, lambda received, _: send(received, server))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    threading.Thread(target=obey, args=(server,), daemon=True).start()
    status = server.wait()
    send(signal.SIGKILL, server)  # what it may have forked
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    sys.exit(main())
