"""A worker on a Redis Cluster of three nodes: what belongs to a partition is on one node, and stays together."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from redis import Redis
from redis.cluster import ClusterNode, RedisCluster

from deploy.local.redis import RedisServer, start_redis
from tests.integration.listed_rights import redis_commands, redis_keys
from tests.integration.own_settings import create_planned_topics, own_settings
from tests.stream import Stream, eventually
from worker.__main__ import main
from worker.adapters.redis_state import RedisStates
from worker.assemble import redis_states
from worker.checks.redis_server import try_redis
from worker.errors import Stop
from worker.settings import load_settings

SLOTS = 16_384
PARTITIONS = 8


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[RedisServer]]:
    """Three nodes that know each other and share the slots."""
    config = {"cluster-enabled": "yes", "cluster-config-file": "nodes.conf", "maxmemory": "1gb"}
    with ExitStack() as running:
        made = [
            running.enter_context(start_redis(tmp_path_factory.mktemp(f"node{n}"), config=config)) for n in range(3)
        ]
        clients = [running.enter_context(Redis.from_url(node.url)) for node in made]
        bounds = [SLOTS * n // 3 for n in range(4)]
        for client, (first, after) in zip(clients, pairwise(bounds), strict=True):
            client.execute_command("CLUSTER ADDSLOTSRANGE", first, after - 1)
            client.execute_command("CLUSTER MEET", "127.0.0.1", made[0].port)
        for client in clients:
            eventually(lambda client=client: _whole(client), "the nodes know each other")
        yield made


def _whole(client: "Redis") -> bool:
    info = client.cluster("info")
    return info["cluster_state"] == "ok" and info["cluster_known_nodes"] == "3"


@pytest.fixture
def stream(kafka: str, nodes: list[RedisServer], topic_prefix: str, small_bundle: Path, tmp_path: Path) -> Stream:
    url = f"redis://127.0.0.1:{nodes[1].port}"
    settings = own_settings(topic_prefix, kafka, url, small_bundle) | {"SONGPRINT_REDIS__CLUSTER": "true"}
    made = Stream(settings, tmp_path)
    create_planned_topics(made, PARTITIONS)
    return made


def test_a_partition_stays_in_one_slot(stream: Stream, nodes: list[RedisServer]) -> None:
    for number in range(60):
        stream.send(f"u{number}", {"type": "snapshot", "songs": ["s1"]})
    stream.flush()
    with stream.worker():
        stream.labels(60)
        stream.send("u0", None)
        stream.send("u1", {"type": "change", "add": ["s2"]})
        stream.flush()
        stream.labels(62)
    with stream.worker("b") as second:
        stream.send("u1", {"type": "change", "add": ["s3"]})
        stream.flush()
        labels = [record for record in stream.labels(63) if record.key == b"u1"]
        assert second.metric('songprint_restores_total{kind="none"}') == PARTITIONS, "the copy was believed"
        assert second.metric('songprint_state_lookups_total{result="hit"}') == 1
    assert [record.label["songs"] for record in labels] == [1, 2, 3]

    with RedisCluster(startup_nodes=[ClusterNode("127.0.0.1", nodes[0].port)]) as cluster:
        keys = [stream.cache.key(partition) for partition in range(PARTITIONS)]
        homes = {cluster.get_node_from_key(key).port for key in keys}
        assert all(cluster.exists(key) for key in keys)
        assert all(cluster.keyslot(key) == cluster.keyslot(f"{key}:relabel") for key in keys)
    assert len(homes) > 1, "the partitions are shared out"


def test_check_looks_at_every_node(
    stream: Stream, nodes: list[RedisServer], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in stream.environment.items():
        monkeypatch.setenv(name, value)
    with Redis.from_url(nodes[2].url) as last:
        last.config_set("maxmemory-policy", "volatile-lru")
        try:
            status = main(["check"])
        finally:
            last.config_set("maxmemory-policy", "noeviction")
    said = capsys.readouterr().out
    assert status == 1
    assert all(f"127.0.0.1:{node.port} answers" in said for node in nodes)
    assert f"127.0.0.1:{nodes[2].port} has maxmemory-policy volatile-lru" in said
    assert said.count("problem ") == 1, said


def test_a_cluster_has_to_be_called_one(
    stream: Stream, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in (stream.environment | {"SONGPRINT_REDIS__CLUSTER": "false"}).items():
        monkeypatch.setenv(name, value)
    assert main(["check"]) == 1
    assert "set SONGPRINT_REDIS__CLUSTER to true" in capsys.readouterr().out


def grant(nodes: list[RedisServer], commands: list[str]) -> dict[str, str]:
    """Makes a user who has these rights and no other; returns the settings to log in with."""
    for node in nodes:
        with Redis.from_url(node.url) as admin:
            rights = [f"+{command}" for command in commands]
            admin.acl_setuser("worker", enabled=True, reset=True, nopass=True, keys=[redis_keys()], commands=rights)
            admin.script_flush()  # or nobody would have to load a script
    return {"SONGPRINT_REDIS__USERNAME": "worker", "SONGPRINT_REDIS__PASSWORD": "any"}


def test_the_rights_listed_are_enough_in_a_cluster(stream: Stream, nodes: list[RedisServer]) -> None:
    login = grant(nodes, redis_commands(cluster=True))
    stream.send("u", {"type": "snapshot", "songs": ["s1"]})
    stream.send("u", None)
    stream.flush()
    with stream.worker(**login):
        stream.labels(2)
    cache = redis_states(load_settings(None, {}, stream.environment | login))
    assert [finding.status for finding in try_redis(cache)] == ["ok"]
    cache.close()


@pytest.mark.parametrize("lacking", redis_commands(cluster=True))
def test_none_of_the_rights_listed_may_be_left_out_in_a_cluster(nodes: list[RedisServer], lacking: str) -> None:
    login = grant(nodes, [command for command in redis_commands(cluster=True) if command != lacking])
    where = {"SONGPRINT_REDIS__URL": f"redis://127.0.0.1:{nodes[0].port}", "SONGPRINT_REDIS__CLUSTER": "true"}
    with ExitStack() as opened, pytest.raises(Stop, match=rf"\b{re.escape(lacking)}\b.*docs/security\.md"):
        use(redis_states(load_settings(None, {}, where | login)), opened)


def use(cache: RedisStates, opened: ExitStack) -> None:
    """All that a worker asks of Redis."""
    opened.callback(cache.close)
    cache.check()
    assert [finding.status for finding in try_redis(cache)] == ["ok"]


def test_a_single_server_has_not_to_be_called_a_cluster(
    stream: Stream, redis_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    single = redis_url.rpartition("/")[0]  # a cluster has no databases
    for name, value in (stream.environment | {"SONGPRINT_REDIS__URL": single}).items():
        monkeypatch.setenv(name, value)
    assert main(["check"]) == 1
    assert "set SONGPRINT_REDIS__CLUSTER to false" in capsys.readouterr().out
