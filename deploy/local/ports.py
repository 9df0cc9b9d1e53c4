"""Free ports on the loopback interface."""

import random
import socket
from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from deploy.local.errors import LocalStackError, PortTakenError

LOOPBACK = "127.0.0.1"
# Below the range from which Linux (32768) and macOS (49152) take the ports of outgoing connections. A port from that
# range could be taken by any client while its server restarts; by a client of that very server even, which then is
# connected to itself.
PORTS = range(10_240, 32_768)
ATTEMPTS = 5

Started = TypeVar("Started")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_ports(count: int, rng: random.Random) -> tuple[int, ...]:
    """`count` different ports that nobody listens on at this moment."""
    found = tuple(islice(filter(is_free, rng.sample(PORTS, k=len(PORTS))), count))
    if len(found) < count:
        raise LocalStackError(f"no {count} free ports between {PORTS[0]} and {PORTS[-1]} on {LOOPBACK}")
    return found


def start_on_free_ports(
    count: int, start: Callable[[tuple[int, ...]], Started], rng: random.Random | None = None
) -> Started:
    """What `start(ports)` returns, tried again with other ports when it raises PortTakenError.

    Nothing reserves a port between choosing it and the server's bind, so a taken one is to be expected.
    """
    rng = rng or random.SystemRandom()
    for _ in range(ATTEMPTS - 1):
        try:
            return start(free_ports(count, rng))
        except PortTakenError:
            continue
    return start(free_ports(count, rng))
