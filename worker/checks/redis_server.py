"""Redis: there, new enough, never evicting, with memory left, writable, and a cluster where settings say so."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from worker.adapters.ports import StateCache
from worker.checks.finding import Finding, note, ok, problem

LEAST_VERSION = (6, 0)
"""ACLs and the protocol that the client speaks came with it."""
APART_SECONDS = 2.0
FULL = 0.9  # of maxmemory
_GIB = 1 << 30

NOBODYS = -1
"""A partition that no topic has: what is tried with it is in no worker's way."""

Node = Mapping[str, Any]
"""What a node says of itself, by the names of INFO."""


def check_redis(nodes: Mapping[str, Node], now: float, *, cluster: bool) -> Iterator[Finding]:
    """`now` is in seconds since 1970."""
    for where, node in nodes.items():
        yield from _check_version(where, node)
        yield from _check_clock(where, node, now)
        yield from _check_memory(where, node)
        yield from _check_role(where, node, cluster=cluster)


def _check_version(where: str, node: Node) -> Iterator[Finding]:
    spoken = str(node["redis_version"])
    server = f"Valkey {node['valkey_version']}" if "valkey_version" in node else f"Redis {spoken}"
    if tuple(int(part) for part in spoken.split(".")[:2]) < LEAST_VERSION:
        yield problem("redis", f"{where} is {server}", "use Redis 6 or newer, or Valkey")
    else:
        yield ok("redis", f"{where} answers; it is {server}")


def _check_clock(where: str, node: Node, now: float) -> Iterator[Finding]:
    apart = abs(int(node.get("server_time_usec", now * 1e6)) / 1e6 - now)
    if apart > APART_SECONDS:
        yield note(
            "redis",
            f"{where} has a clock that is {apart:,.0f} s away from this machine's",
            "correct the clocks: latency is measured, and the age of copies judged, by them",
        )


def _check_memory(where: str, node: Node) -> Iterator[Finding]:
    policy, most, used = str(node["maxmemory_policy"]), int(node["maxmemory"]), int(node["used_memory"])
    if policy != "noeviction":
        yield problem(
            "redis",
            f"{where} has maxmemory-policy {policy}, under which it drops states at will",
            "set maxmemory-policy to noeviction, and maxmemory high enough",
        )
    if not most:
        yield note(
            "redis",
            f"{where} has no maxmemory: it grows until the machine has no memory left",
            "set maxmemory below the machine's memory",
        )
    elif used > FULL * most:
        yield problem(
            "redis",
            f"{where} uses {used / _GIB:.3g} of {most / _GIB:.3g} GiB; when it is full, every worker stands still",
            "raise maxmemory, or add nodes to the cluster",
        )
    elif policy == "noeviction":
        yield ok("redis", f"{where} never evicts, and uses {used / _GIB:.3g} of {most / _GIB:.3g} GiB")
    if int(node["evicted_keys"]):
        yield note(
            "redis",
            f"{where} has evicted {node['evicted_keys']} keys since it started",
            "make sure that nothing changes its maxmemory-policy; the workers restore what is missing",
        )


def _check_role(where: str, node: Node, *, cluster: bool) -> Iterator[Finding]:
    if node["role"] != "master":
        yield problem(
            "redis", f"{where} is a replica, which refuses writes", "name the primary in SONGPRINT_REDIS__URL"
        )
    if bool(int(node["cluster_enabled"])) != cluster:
        yield problem(
            "redis",
            f"{where} {'is no' if cluster else 'is a'} node of a Redis Cluster",
            f"set SONGPRINT_REDIS__CLUSTER to {str(not cluster).lower()}",
        )


def try_redis(cache: StateCache) -> Iterator[Finding]:
    """Does with a partition of its own what a worker does with those of the topics, and leaves nothing behind.

    Raises Stop where the user lacks a right, Retry where a write is refused.
    """
    claim = b"check" + secrets.token_bytes(16)
    cache.claim(NOBODYS, cache.watermark(NOBODYS), claim, empty=True)
    cache.write(NOBODYS, claim, claim, {b"a": b"state", b"b": None})
    cache.read(NOBODYS, claim, [b"a"])
    cache.scan(NOBODYS, claim, 0, 1)
    cache.relabel_requested(NOBODYS)
    cache.request_relabel(NOBODYS, wanted=False)
    cache.forget(NOBODYS)
    yield ok("redis", "this Redis user may do all that a worker does")
