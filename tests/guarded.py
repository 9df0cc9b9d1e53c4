"""Becomes a command that has to die with the process which asked for it, however that one ends.

    python guarded.py COMMAND...

As with deploy/local/guard.py, the asking process holds the other end of standard input, and its end means: kill. But
there the server is the guard's child; here the guard is the command's, so that the process which was started is the
command itself: its id, its exit status and every signal to it mean what they would mean without a guard.
"""

import os
import select
import signal
import sys


def guard(command: int, life: int) -> None:
    """Returns when the process `command` has ended. Kills it if the asking process ends before."""
    ready, _, _ = select.select([0, life], [], [])
    # Whoever has lost its parent has another one: no stranger is killed that got the id after the command.
    if life not in ready and os.getppid() == command:
        os.kill(command, signal.SIGKILL)


def main() -> None:
    command = os.getpid()
    life, held = os.pipe()  # `held` ends with the command, whoever else may wait for it
    if os.fork() == 0:
        os.setsid()  # out of reach of the terminal's Ctrl-C
        os.close(held)
        guard(command, life)
        os._exit(0)
    os.close(life)
    os.set_inheritable(held, True)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
