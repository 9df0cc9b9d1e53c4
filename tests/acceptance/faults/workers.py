"""Workers that die, hang, come and go, or believe in the wrong time."""

import signal
import time
from collections.abc import Callable

from tests.acceptance.injection import Fault, Injection, Missed
from tests.stream import WorkerProcess

PATIENCE = 120.0
REBALANCE_SECONDS = 30.0
"""In which a worker surely knows what it has to give away."""
SHORT_PAUSE = 3.0
ZOMBIE = 1.3
"""Times the session timeout."""
HOURS = 3600.0

STEPS = {
    "after the poll": "source.poll:after:2",
    "inside the transaction": "sink.publish:after:1",
    "before the commit": "sink.commit:before:2",
    "after the commit, before Redis": "cache.write:before:1",
    "after Redis": "cache.write:after:1",
}
"""Steps of every batch."""
AFTER_START = {
    "after the Redis read": "cache.read:after:1",
    "in the first transaction after a start": "sink.commit:before:1",
}
"""Steps that a worker surely comes to when it has just been started."""
IN_RESTORE = {
    "after a restore's claim": "cache.claim:after:1",
    "while the changelog is read": "changelog.read:after:1",
    "before a restore's end": "changelog.position:after:2",
}


def crash(injection: Injection) -> None:
    name = injection.some_worker()
    injection.strike()
    injection.system.group.kill(name)


def crash_of_all(injection: Injection) -> None:
    injection.strike()
    for name in injection.system.group.names:
        injection.system.group.kill(name)


def crash_at(step: str) -> Callable[[Injection], None]:
    def inject(injection: Injection) -> None:
        worker = injection.system.group.arm(injection.some_worker(), f"{step}:SIGKILL")
        wait_for_death(worker)
        injection.strike()

    return inject


def crash_after_start_at(step: str) -> Callable[[Injection], None]:
    def inject(injection: Injection) -> None:
        group, name = injection.system.group, injection.some_worker()
        group.arm_next(name, f"{step}:SIGKILL")
        injection.strike()
        before = group[name]
        group.kill(name)
        _wait_for_successor(injection, name, before)

    return inject


def crash_in_restore_at(step: str) -> Callable[[Injection], None]:
    """Redis is emptied, so that all partitions have to be restored; in the middle of that the worker dies."""

    def inject(injection: Injection) -> None:
        worker = injection.system.group.arm(injection.some_worker(), f"{step}:SIGKILL")
        injection.strike()
        injection.system.servers.redis.empty()
        wait_for_death(worker)

    return inject


def crash_in_rebalance(injection: Injection) -> None:
    """Another worker joins; one that has to give partitions away dies while it does so.

    Where rebalances are cooperative, chance may have chosen one that keeps all that it has.
    """
    group = injection.system.group
    worker = group.arm(injection.some_worker(), "partitions.revoked:before:1:SIGKILL")
    group.start("extra")
    try:
        wait_for_death(worker, REBALANCE_SECONDS)
        injection.strike()
        injection.wait_recovered(PATIENCE)
    finally:
        group.remove("extra").end()


def crash_and_stay_away(injection: Injection) -> None:
    """The others take over when the session has timed out; then it comes back."""
    group, name = injection.system.group, injection.some_worker()
    injection.strike()
    group.remove(name).kill()
    injection.wait_recovered(PATIENCE)
    group.start(name)


def pause(seconds: float) -> Callable[[Injection], None]:
    def inject(injection: Injection) -> None:
        worker = injection.system.group[injection.some_worker()]
        _stop_for(injection, worker, seconds)

    return inject


def zombie(injection: Injection) -> None:
    """It sleeps until it has lost its partitions to the others, and wakes up in the middle of what it was doing."""
    worker = injection.system.group.arm(injection.some_worker(), "sink.commit:before:2:SIGSTOP")
    _wait_until_stopped(worker)
    _stop_for(injection, worker, injection.system.plan.session_timeout_ms / 1000 * ZOMBIE)


def zombie_writes_to_redis(injection: Injection) -> None:
    """The same between the commit and the write to Redis: its late write has to be refused."""
    worker = injection.system.group.arm(injection.some_worker(), "cache.write:before:1:SIGSTOP")
    _wait_until_stopped(worker)
    _stop_for(injection, worker, injection.system.plan.session_timeout_ms / 1000 * ZOMBIE)


def planned_restart(injection: Injection) -> None:
    name = injection.some_worker()
    injection.strike()
    injection.system.group.restart(name)


def rolling_restart(injection: Injection) -> None:
    injection.strike()
    for name in injection.system.group.names:
        injection.system.group.restart(name)
        injection.system.group.wait_ready()


def scale_out_and_in(injection: Injection) -> None:
    """A worker more; when it owns partitions it leaves, and as a static member is waited for until its time is over."""
    group = injection.system.group
    group.start("extra")
    extra = group["extra"]
    try:
        _wait(extra.ready, "the worker more is ready")
        injection.strike()
    finally:
        group.remove("extra").end()


def clock_jump(hours: float) -> Callable[[Injection], None]:
    """The wall clock of a worker is wrong while Redis is emptied, and set right again."""

    def inject(injection: Injection) -> None:
        group, name = injection.system.group, injection.some_worker()
        group.arm(name, f"clock:{hours * HOURS}")
        injection.strike()
        group.kill(injection.random.choice(group.names))
        injection.wait_recovered(PATIENCE)
        if not group[name].exited():
            group.arm(name, "clock:0")

    return inject


def unfetched(injection: Injection) -> None:
    """librdkafka fetches none of its partitions any more and says nothing of it, as in its issue #5591."""
    injection.system.group.arm(injection.some_worker(), "unfetched")
    injection.strike()


def wait_for_death(worker: WorkerProcess, seconds: float = PATIENCE) -> None:
    _wait(worker.exited, "the worker came to the step", seconds)


def _wait_for_successor(injection: Injection, name: str, before: WorkerProcess) -> None:
    """Returns when the worker that was started next has died too."""
    group = injection.system.group
    _wait(lambda: name in group.running and group[name] is not before, "the worker was started again")
    wait_for_death(group[name])


def _stop_for(injection: Injection, worker: WorkerProcess, seconds: float) -> None:
    worker.process.send_signal(signal.SIGSTOP)
    injection.strike()
    try:
        time.sleep(seconds)
    finally:
        worker.process.send_signal(signal.SIGCONT)


def _wait_until_stopped(worker: WorkerProcess) -> None:
    try:
        _wait(lambda: stopped(worker), "the worker came to the step")
    except Missed:
        worker.process.send_signal(signal.SIGCONT)
        raise


def stopped(worker: WorkerProcess) -> bool:
    """Whether SIGSTOP holds it."""
    try:
        with open(f"/proc/{worker.process.pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] == "T"
    except FileNotFoundError:
        return False


def _wait(condition: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    given_up = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > given_up:
            raise Missed(f"not within {seconds:g} s: {what}")
        time.sleep(0.02)


FAULTS = [
    Fault("kill -9", "worker", crash),
    Fault("kill -9 of all workers", "worker", crash_of_all),
    *(Fault(f"kill -9 {when}", "worker", crash_at(step)) for when, step in STEPS.items()),
    *(Fault(f"kill -9 {when}", "worker", crash_after_start_at(step)) for when, step in AFTER_START.items()),
    *(Fault(f"kill -9 {when}", "worker", crash_in_restore_at(step)) for when, step in IN_RESTORE.items()),
    Fault("kill -9 during a rebalance", "worker", crash_in_rebalance),
    Fault("kill -9 and staying away", "worker", crash_and_stay_away),
    Fault("SIGSTOP for 3 s", "worker", pause(SHORT_PAUSE)),
    Fault("zombie in a transaction", "worker", zombie),
    Fault("zombie before Redis", "worker", zombie_writes_to_redis),
    Fault("planned restart", "worker", planned_restart),
    Fault("rolling restart of all", "worker", rolling_restart),
    Fault("one worker more, then less", "worker", scale_out_and_in),
    Fault("partitions no longer fetched", "worker", unfetched),
    Fault("clock 30 h ahead", "worker", clock_jump(30)),
    Fault("clock 30 h behind", "worker", clock_jump(-30)),
]
