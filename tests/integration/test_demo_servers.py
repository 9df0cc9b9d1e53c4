"""The demo on servers that the environment names: other people's too, so it keeps to itself and leaves nothing."""

from pathlib import Path

import pytest

from deploy.demo.commands import run_command
from deploy.demo.servers import servers
from deploy.local.stack import KAFKA_VARIABLE, REDIS_VARIABLE
from tests.any_redis import any_redis
from tests.stream import eventually
from worker.assemble import kafka_topics, redis_states, topics_of
from worker.settings import load_settings


@any_redis
def test_it_has_topics_and_keys_of_its_own_and_removes_them(
    kafka: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ((KAFKA_VARIABLE, kafka), (REDIS_VARIABLE, redis_url)):
        monkeypatch.setenv(name, value)
    everybodys = load_settings(None, {})
    with servers(tmp_path, lambda _: None) as environment:
        settings = load_settings(None, {}, environment)
        assert (settings.kafka.bootstrap_servers, settings.redis.url) == (kafka, redis_url)
        run_command("worker", "topics", "--create", logs=tmp_path, environment=environment)
        topics, cache = kafka_topics(settings), redis_states(settings)
        assert topics.facts().keys() == set(topics_of(settings))
        assert not set(topics_of(settings)) & set(topics_of(everybodys))
        assert settings.kafka.group != everybodys.kafka.group
        assert cache.claim(0, None, b"a copy", empty=True)
        assert redis_states(everybodys).watermark(0) is None
    eventually(lambda: not topics.facts(), "its topics are gone")
    assert cache.watermark(0) is None
