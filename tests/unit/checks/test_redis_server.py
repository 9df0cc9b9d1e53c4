"""What `worker check` says of a Redis that is not as it should be, and how it tries what a worker does."""

from collections.abc import Mapping
from typing import Any

import pytest

from worker.adapters.memory import MemoryStates
from worker.checks.redis_server import NOBODYS, check_redis, try_redis

NODE: Mapping[str, Any] = {
    "redis_version": "7.0.15",
    "maxmemory_policy": "noeviction",
    "maxmemory": 1 << 30,
    "used_memory": 1 << 20,
    "evicted_keys": 0,
    "role": "master",
    "cluster_enabled": 0,
    "server_time_usec": 1_000_000_000,
}


@pytest.mark.parametrize(("now", "notes"), [(1_000.0, []), (1_001.9, []), (1_060.0, ["60 s"]), (940.0, ["60 s"])])
def test_a_clock_that_is_wrong_is_told(now: float, notes: list[str]) -> None:
    found = [finding for finding in check_redis({"here": NODE}, now, cluster=False) if finding.status != "ok"]
    assert [finding.status for finding in found] == ["note"] * len(notes)
    assert all(note in finding.what for note, finding in zip(notes, found, strict=True))


@pytest.mark.parametrize(
    ("changed", "status", "says"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, "problem", "drops states at will"),
        ({"maxmemory_policy": "volatile-ttl"}, "problem", "drops states at will"),
        ({"used_memory": 1 << 30}, "problem", "when it is full, every worker stands still"),
        ({"maxmemory": 0}, "note", "it grows until the machine has no memory left"),
        ({"evicted_keys": 3}, "note", "has evicted 3 keys"),
        ({"role": "slave"}, "problem", "is a replica"),
    ],
)
def test_a_server_that_cannot_be_relied_on_is_told(changed: dict[str, Any], status: str, says: str) -> None:
    found = list(check_redis({"here": {**NODE, **changed}}, 1_000.0, cluster=False))
    assert [(finding.status, says in finding.what) for finding in found if finding.status != "ok"] == [(status, True)]


def test_a_server_that_does_not_tell_its_time_is_believed() -> None:
    node = {name: value for name, value in NODE.items() if name != "server_time_usec"}
    assert {finding.status for finding in check_redis({"here": node}, 1e9, cluster=False)} == {"ok"}


@pytest.mark.parametrize(
    ("wrong", "status", "what", "mend"),
    [
        ({"redis_version": "5.0.14"}, "problem", "here is Redis 5.0.14", "Redis 6 or newer"),
        ({"maxmemory_policy": "volatile-lru"}, "problem", "maxmemory-policy volatile-lru", "to noeviction"),
        ({"maxmemory": 0}, "note", "no maxmemory", "set maxmemory"),
        ({"used_memory": 1 << 30}, "problem", "uses 1 of 1 GiB", "raise maxmemory"),
        ({"evicted_keys": 3}, "note", "has evicted 3 keys", "maxmemory-policy"),
        ({"role": "slave"}, "problem", "is a replica", "name the primary in SONGPRINT_REDIS__URL"),
        ({"cluster_enabled": 1}, "problem", "is a node of a Redis Cluster", "SONGPRINT_REDIS__CLUSTER to true"),
    ],
    ids=str,
)
def test_what_is_wrong_is_told_with_what_to_do(wrong: dict[str, Any], status: str, what: str, mend: str) -> None:
    found = check_redis({"here": {**NODE, **wrong}}, 1_000.0, cluster=False)
    (said,) = (finding for finding in found if finding.status != "ok")
    assert said.status == status
    assert what in said.what
    assert mend in said.mend


def test_a_server_that_is_no_cluster_is_told_where_one_is_set() -> None:
    (said,) = (each for each in check_redis({"here": NODE}, 1_000.0, cluster=True) if each.status != "ok")
    assert (said.status, said.what) == ("problem", "here is no node of a Redis Cluster")
    assert "SONGPRINT_REDIS__CLUSTER to false" in said.mend


def test_a_trial_leaves_nothing_behind() -> None:
    cache = MemoryStates()
    cache.claim(0, None, b"mark", empty=False)
    assert [finding.status for finding in try_redis(cache)] == ["ok"]
    assert cache.watermark(NOBODYS) is None
    assert not cache.relabel_requested(NOBODYS)
    assert cache.watermark(0) == b"mark", "a worker's partition"
