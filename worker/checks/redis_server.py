"""Redis: there, new enough, never evicting, with memory left, writable, and a cluster where settings say so."""

from collections.abc import Iterator, Mapping
from typing import Any

from worker.checks.finding import Finding, note, ok, problem

LEAST_VERSION = (6, 0)
"""ACLs and the protocol that the client speaks came with it."""
FULL = 0.9  # of maxmemory
_GIB = 1 << 30

Node = Mapping[str, Any]
"""What a node says of itself, by the names of INFO."""


def check_redis(nodes: Mapping[str, Node], *, cluster: bool) -> Iterator[Finding]:
    for where, node in nodes.items():
        yield from _check_version(where, node)
        yield from _check_memory(where, node)
        yield from _check_role(where, node, cluster=cluster)


def _check_version(where: str, node: Node) -> Iterator[Finding]:
    spoken = str(node["redis_version"])
    server = f"Valkey {node['valkey_version']}" if "valkey_version" in node else f"Redis {spoken}"
    if tuple(int(part) for part in spoken.split(".")[:2]) < LEAST_VERSION:
        yield problem("redis", f"{where} is {server}", "use Redis 6 or newer, or Valkey")
    else:
        yield ok("redis", f"{where} answers; it is {server}")


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
