"""Local Redis-protocol servers: extra settings, signals, crashes; errors name the log."""

import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom

import pytest
from redis import Redis

from deploy.local import ports
from deploy.local.errors import LocalStackError
from deploy.local.ports import LOOPBACK
from deploy.local.probe import redis_answers
from deploy.local.redis import IMPLEMENTATIONS, Implementation, start_redis
from tests.deploy.programs import needed


@pytest.fixture(params=IMPLEMENTATIONS)
def implementation(request: pytest.FixtureRequest) -> Implementation:
    if request.param == "redis":
        needed("redis-server", "redis-server")
    chosen: Implementation = request.param
    return chosen


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_killed_server_comes_back_empty_with_its_settings_on_its_port(
    tmp_path: Path, implementation: Implementation
) -> None:
    with start_redis(tmp_path, implementation, {"maxmemory-policy": "allkeys-lru"}) as server:
        with Redis.from_url(server.url) as client:
            client.set("song", "sung")
        server.kill()
        assert not redis_answers(server.url)
        server.start()
        with Redis.from_url(server.url) as client:
            assert client.get("song") is None
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}


def test_a_suspended_server_does_not_answer_until_it_goes_on(tmp_path: Path) -> None:
    with start_redis(tmp_path) as server:
        server.process.signal(signal.SIGSTOP)
        server.process.wait_until(lambda: not redis_answers(server.url), 60)
        server.process.signal(signal.SIGCONT)
        server.process.wait_until(lambda: redis_answers(server.url), 60)


def test_a_port_taken_meanwhile_is_replaced(
    tmp_path: Path, implementation: Implementation, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    choices = [(taken_port,)]
    choose = ports.free_ports
    monkeypatch.setattr(ports, "free_ports", lambda count, rng: choices.pop() if choices else choose(count, rng))
    with start_redis(tmp_path, implementation) as server:
        assert not choices, "the taken port was never tried"
        assert server.port != taken_port
        server.process.wait_until(lambda: redis_answers(server.url), 60)


def test_a_server_that_does_not_start_names_its_log(tmp_path: Path, implementation: Implementation) -> None:
    log = tmp_path / "logs" / f"{implementation}.log"
    with pytest.raises(LocalStackError, match=re.escape(str(log))) as caught:
        start_redis(tmp_path, implementation, {"maxmemory-policy": "sometimes"})
    assert "maxmemory-policy" in str(caught.value)
    assert "maxmemory-policy" in log.read_text()


def test_free_ports_are_below_those_of_outgoing_connections_and_differ() -> None:
    found = ports.free_ports(50, SystemRandom())
    assert len(set(found)) == 50
    assert max(found) < 32_768


def test_a_port_that_somebody_listens_on_is_not_free(taken_port: int) -> None:
    assert not ports.is_free(taken_port)
