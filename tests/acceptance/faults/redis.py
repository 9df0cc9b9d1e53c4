"""A Redis that dies, forgets, fills up, refuses, lags, or is replaced by one that lacks the last writes."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.acceptance.faults.workers import PATIENCE, stopped
from tests.acceptance.injection import Fault, Injection, Missed
from tests.acceptance.servers import RedisPair

OUTAGE = 2.0
STALE = 1.5
"""Seconds of writes that the replica misses."""


def killed(injection: Injection) -> None:
    """It comes back empty."""
    server = injection.system.servers.redis.serving
    injection.strike()
    server.kill()
    time.sleep(OUTAGE)
    server.start()


def emptied(injection: Injection) -> None:
    injection.strike()
    injection.system.servers.redis.ask(lambda client: client.flushall())


def one_partition_lost(injection: Injection) -> None:
    partition = injection.random.randrange(injection.system.plan.partitions)
    injection.strike()
    key = injection.system.stream.cache.key(partition)
    injection.system.servers.redis.ask(lambda client: client.unlink(key))


def emptied_between_two_reads(injection: Injection) -> None:
    """A batch has read the states of one partition; before it reads the next one's, everything is gone."""
    group, name = injection.system.group, injection.some_worker()
    group.restart(name)  # it holds no states in process now, so it has to read them
    worker = group.arm(name, "cache.read:after:1:SIGSTOP")
    given_up = time.monotonic() + PATIENCE
    try:
        while not stopped(worker):
            if time.monotonic() > given_up or worker.exited():
                raise Missed("the worker did not read from Redis")
            time.sleep(0.02)
        injection.strike()
        injection.system.servers.redis.ask(lambda client: client.flushall())
    finally:
        worker.process.send_signal(signal.SIGCONT)


def configured(name: str, broken: str, whole: str) -> Callable[[Injection], None]:
    def inject(injection: Injection) -> None:
        redis = injection.system.servers.redis
        injection.strike()
        redis.ask(lambda client: client.config_set(name, broken))
        time.sleep(OUTAGE)
        redis.ask(lambda client: client.config_set(name, whole))

    return inject


def read_only(injection: Injection) -> None:
    """As a primary that was demoted, and promoted again."""
    redis = injection.system.servers.redis
    injection.strike()
    redis.ask(lambda client: client.replicaof("127.0.0.1", redis.serving.port))
    time.sleep(OUTAGE)
    redis.ask(lambda client: client.replicaof("NO", "ONE"))


def failed_over_to_a_stale_replica(injection: Injection) -> None:
    redis = injection.system.servers.redis
    with _replica(redis):
        time.sleep(STALE)  # from here on the replica misses what is written
        injection.strike()
        redis.fail_over()


@contextmanager
def _replica(redis: RedisPair) -> Iterator[None]:
    """The standby is a full copy of the moment at which the block begins."""
    serving, standby = redis.serving, redis.standby
    redis.ask(lambda client: client.replicaof("127.0.0.1", serving.port), standby)
    given_up = time.monotonic() + PATIENCE
    while redis.ask(lambda client: client.info("replication")["master_link_status"], standby) != "up":
        if time.monotonic() > given_up:
            raise Missed("the standby was not synchronised")
        time.sleep(0.02)
    redis.ask(lambda client: client.replicaof("NO", "ONE"), standby)
    yield


def slow(injection: Injection) -> None:
    """No answer within the worker's timeout."""
    injection.strike()
    injection.system.servers.redis.ask(lambda client: client.client_pause(int(2 * OUTAGE * 1000)))
    time.sleep(2 * OUTAGE)


def unreachable(injection: Injection) -> None:
    proxy = injection.system.servers.redis.proxy
    injection.strike()
    proxy.reachable = False
    proxy.sever()
    time.sleep(OUTAGE)
    proxy.reachable = True


FAULTS = [
    Fault("Redis killed, back empty after 2 s", "redis", killed),
    Fault("Redis emptied", "redis", emptied),
    Fault("one partition lost from Redis", "redis", one_partition_lost),
    Fault("Redis emptied between two reads", "worker", emptied_between_two_reads),  # it stops one
    Fault("Redis out of memory for 2 s", "redis", configured("maxmemory", "1", "0")),
    Fault("Redis read-only for 2 s", "redis", read_only),
    Fault("failover to a stale replica", "redis", failed_over_to_a_stale_replica),
    Fault("Redis slow for 4 s", "redis", slow),
    Fault("Redis unreachable for 2 s", "redis", unreachable),
]
