"""A worker with the least rights that it needs, through listeners that let nobody else in, and what it never says."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from deploy.local.ports import free_ports
from deploy.local.redis import RedisServer, start_redis
from deploy.local.stack import LocalStack
from tests.adapters.logs import Owner
from tests.adapters.looks import Looks
from tests.deploy.programs import needed
from tests.integration.certificates import ELSEWHERE, Authority
from tests.integration.listed_rights import redis_commands, redis_keys
from tests.integration.own_settings import create_planned_topics, own_settings
from tests.integration.secured_kafka import Secured, bindings_as_listed
from tests.stream import Stream, eventually
from worker.adapters import kafka_membership, kafka_silence, kafka_unowned
from worker.adapters.kafka_source import KafkaSource
from worker.assemble import consumer_options, redis_states
from worker.errors import Retry
from worker.settings import load_settings

CANARY = "canary-Xy7"
LOOKS = {
    "classic": ["describe_consumer_groups", "describe_topics", "list_offsets"],
    "consumer": ["describe_consumer_groups", "list_offsets"],
}
PASSWORD = f"{CANARY}-password"
USER = f"{CANARY}-user"
SONG = f"{CANARY}-song"
PARTITIONS = 2


@pytest.fixture
def stream(secured: Secured, topic_prefix: str, small_bundle: Path, tmp_path: Path) -> Iterator[Stream]:
    """Topics that are made by an administrator, on a Redis without any protection."""
    with start_redis(tmp_path / "cache") as cache:
        made = Stream(own_settings(topic_prefix, secured.cluster.bootstrap_servers, cache.url, small_bundle), tmp_path)
        create_planned_topics(made, PARTITIONS)
        yield made


def check(stream: Stream, **settings: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, **stream.environment, **settings}
    command = [sys.executable, "-m", "worker", "check"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def work(stream: Stream, **settings: str) -> str:
    """Events of every kind go through a worker under `settings`, then all is looked at; returns all that was said."""
    stream.send(USER, {"type": "snapshot", "songs": ["s1", SONG]})
    stream.send(USER, b"{")
    stream.send(USER, {"type": "consent", "labelling": False})
    stream.send(USER, None)
    stream.flush()
    with stream.worker(**settings) as worker:
        stream.labels(3)
        stream.letters(1)
        eventually(lambda: worker.metric("songprint_events_total") == 4, "all events are counted")
        said = worker.get("/metrics") + worker.get("/readyz") + worker.get("/")
    checked = check(stream, **settings)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    return said + worker.output() + checked.stdout + checked.stderr


def test_tls_alone(secured: Secured, stream: Stream, authority: Authority, tmp_path: Path) -> None:
    given = {
        "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": secured.tls,
        "SONGPRINT_KAFKA__SECURITY_PROTOCOL": "ssl",
        "SONGPRINT_KAFKA__SSL_CA_LOCATION": str(authority.certificate),
    }
    assert CANARY not in work(stream, **given)
    stranger = Authority(tmp_path / "stranger")
    refused = check(stream, **given | {"SONGPRINT_KAFKA__SSL_CA_LOCATION": str(stranger.certificate)})
    assert refused.returncode == 1
    assert "certificate verify failed" in refused.stdout, refused.stdout
    assert "→ correct SONGPRINT_KAFKA__SSL_CA_LOCATION" in refused.stdout, refused.stdout
    another = check(stream, **given | {"SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": secured.elsewhere})
    assert another.returncode == 1
    assert "certificate verify failed" in another.stdout, another.stdout
    del given["SONGPRINT_KAFKA__SSL_CA_LOCATION"]
    unnamed = check(stream, **given)
    assert unnamed.returncode == 1
    assert "certificate verify failed" in unnamed.stdout, "the tests' authority is none of the system's"


def test_password_over_tls_with_the_rights_listed(
    secured: Secured, stream: Stream, authority: Authority, tmp_path: Path
) -> None:
    secured.add_users(["songprint"], PASSWORD)
    secured.grant(bindings_as_listed(stream.settings.kafka, "User:songprint"))
    (tmp_path / "password").write_text(PASSWORD + "\n")
    given = {
        "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": secured.sasl,
        "SONGPRINT_KAFKA__SECURITY_PROTOCOL": "sasl_ssl",
        "SONGPRINT_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
        "SONGPRINT_KAFKA__SASL_USERNAME": "songprint",
        "SONGPRINT_KAFKA__SASL_PASSWORD_FILE": str(tmp_path / "password"),
        "SONGPRINT_KAFKA__SSL_CA_LOCATION": str(authority.certificate),
    }
    assert CANARY not in work(stream, **given), "a user, a song or a secret was told"
    for partition in range(PARTITIONS):
        stream.cache.forget(partition)
    with stream.worker(**given) as worker:  # ready once all is restored
        assert worker.metric('songprint_restores_total{kind="full"}') == PARTITIONS
        assert worker.metric("songprint_restored_records_total") > 0


def test_a_certificate_of_its_own_with_the_rights_listed(
    secured: Secured, stream: Stream, authority: Authority, tmp_path: Path
) -> None:
    own = authority.sign("songprint-worker", PASSWORD)
    secured.grant(bindings_as_listed(stream.settings.kafka, "User:CN=songprint-worker"))
    (tmp_path / "password").write_text(PASSWORD)
    said = work(
        stream,
        SONGPRINT_KAFKA__BOOTSTRAP_SERVERS=secured.mutual,
        SONGPRINT_KAFKA__SECURITY_PROTOCOL="ssl",
        SONGPRINT_KAFKA__SSL_CA_LOCATION=str(authority.certificate),
        SONGPRINT_KAFKA__SSL_CERTIFICATE_LOCATION=str(own.certificate),
        SONGPRINT_KAFKA__SSL_KEY_LOCATION=str(own.key),
        SONGPRINT_KAFKA__SSL_KEY_PASSWORD_FILE=str(tmp_path / "password"),
    )
    assert CANARY not in said


def test_who_has_no_certificate_of_the_authoritys_is_not_let_in(
    secured: Secured, stream: Stream, authority: Authority, tmp_path: Path
) -> None:
    """Neither without any nor with a stranger's, though whoever has no name may do everything on this broker."""
    given = {
        "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": secured.mutual,
        "SONGPRINT_KAFKA__SECURITY_PROTOCOL": "ssl",
        "SONGPRINT_KAFKA__SSL_CA_LOCATION": str(authority.certificate),
    }
    own, strangers = authority.sign("guest"), Authority(tmp_path / "stranger").sign("guest")
    secured.grant(bindings_as_listed(stream.settings.kafka, "User:CN=guest"))
    mine, theirs = (
        {
            "SONGPRINT_KAFKA__SSL_CERTIFICATE_LOCATION": str(each.certificate),
            "SONGPRINT_KAFKA__SSL_KEY_LOCATION": str(each.key),
        }
        for each in (own, strangers)
    )
    assert check(stream, **given, **mine).returncode == 0
    for login in ({}, theirs):
        refused = check(stream, **given, **login)
        (said,) = (line for line in refused.stdout.splitlines() if line.startswith("problem "))
        assert said.startswith("problem  kafka "), refused.stdout
        assert "certificate" in said, said
        assert "SONGPRINT_KAFKA__SSL_CERTIFICATE_LOCATION" in refused.stdout, refused.stdout


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_a_member_sees_its_group_with_the_rights_listed(
    secured: Secured,
    stream: Stream,
    authority: Authority,
    protocol: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It looks for partitions that are nobody's, or silent, which no label tells."""
    for module in (kafka_membership, kafka_silence, kafka_unowned):
        monkeypatch.setattr(module, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(kafka_silence, "SILENT_SECONDS", 0.2)
    caplog.set_level("INFO", "worker.adapters")
    own = authority.sign(f"looks-{protocol}")
    secured.grant(bindings_as_listed(stream.settings.kafka, f"User:CN=looks-{protocol}"))
    given = {
        "SONGPRINT_KAFKA__GROUP_PROTOCOL": protocol,
        "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": secured.mutual,
        "SONGPRINT_KAFKA__SECURITY_PROTOCOL": "ssl",
        "SONGPRINT_KAFKA__SSL_CA_LOCATION": str(authority.certificate),
        "SONGPRINT_KAFKA__SSL_CERTIFICATE_LOCATION": str(own.certificate),
        "SONGPRINT_KAFKA__SSL_KEY_LOCATION": str(own.key),
    }
    settings = load_settings(None, {}, stream.environment | given)
    looks = Looks(AdminClient(settings.kafka.client_options()))
    source = KafkaSource(consumer_options(settings), looks, stream.topics.events, incremental=True)  # type: ignore[arg-type]
    source.subscribe(owner := Owner())

    def seen() -> bool:
        source.poll(10, 0.05)
        if any(
            "could not" in record.message for record in caplog.records
        ):  # a group's coordinator may be just moving in
            caplog.clear()
            looks.calls.clear()
        return min(looks.calls[kind] for kind in LOOKS[protocol]) >= 3

    try:
        eventually(lambda: source.poll(10, 0.05) or owner.owned == {0, 1}, "it owns all partitions")
        source.resume(0, 0)
        eventually(seen, "it sees them again and again")
    finally:
        source.close()


def test_a_wrong_password_stops_the_worker_and_is_not_told(
    secured: Secured, stream: Stream, authority: Authority
) -> None:
    worker = stream.start(
        SONGPRINT_KAFKA__BOOTSTRAP_SERVERS=secured.sasl,
        SONGPRINT_KAFKA__SECURITY_PROTOCOL="sasl_ssl",
        SONGPRINT_KAFKA__SASL_MECHANISM="SCRAM-SHA-512",
        SONGPRINT_KAFKA__SASL_USERNAME="songprint",
        SONGPRINT_KAFKA__SASL_PASSWORD=f"wrong {CANARY}",
        SONGPRINT_KAFKA__SSL_CA_LOCATION=str(authority.certificate),
        SONGPRINT_KAFKA__STARTUP_TIMEOUT_S="1",
    )
    assert worker.process.wait(60) == 1
    error = worker.output()[worker.output().rindex("error: ") :]
    assert "authentication" in error.lower(), error
    assert CANARY not in worker.output()


def test_missing_rights_are_named(secured: Secured, stream: Stream, authority: Authority) -> None:
    """First by one who has no right at all, then by one who lacks the right to write states."""
    own = authority.sign("stranger")
    given = {
        "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": secured.mutual,
        "SONGPRINT_KAFKA__SECURITY_PROTOCOL": "ssl",
        "SONGPRINT_KAFKA__SSL_CA_LOCATION": str(authority.certificate),
        "SONGPRINT_KAFKA__SSL_CERTIFICATE_LOCATION": str(own.certificate),
        "SONGPRINT_KAFKA__SSL_KEY_LOCATION": str(own.key),
        "SONGPRINT_KAFKA__STARTUP_TIMEOUT_S": "1",
    }
    worker = stream.start(**given)
    assert worker.process.wait(60) == 1
    assert "error: " in worker.output()
    assert "Traceback" not in worker.output()

    secured.grant(bindings_as_listed(stream.settings.kafka, "User:CN=stranger"))
    secured.revoke(ResourceType.TOPIC, stream.topics.states, "User:CN=stranger", AclOperation.WRITE)
    checked = check(stream, **given)
    assert f"this Kafka user lacks write on {stream.topics.states}" in checked.stdout, checked.stdout
    assert "1 problem" in checked.stdout


def test_a_missing_right_of_the_group_is_named(secured: Secured, stream: Stream, authority: Authority) -> None:
    """First by one who may not even look at the group, then by one who may do that alone."""
    own = authority.sign("onlooker")
    principal, group = "User:CN=onlooker", stream.settings.kafka.group
    given = {
        "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": secured.mutual,
        "SONGPRINT_KAFKA__SECURITY_PROTOCOL": "ssl",
        "SONGPRINT_KAFKA__SSL_CA_LOCATION": str(authority.certificate),
        "SONGPRINT_KAFKA__SSL_CERTIFICATE_LOCATION": str(own.certificate),
        "SONGPRINT_KAFKA__SSL_KEY_LOCATION": str(own.key),
    }
    secured.grant(bindings_as_listed(stream.settings.kafka, principal))
    secured.revoke(ResourceType.GROUP, group, principal, AclOperation.READ)
    blind = check(stream, **given)
    assert f"problem  group       Kafka, describing the group {group}" in blind.stdout, blind.stdout
    assert "grant the group rights listed in docs/security.md" in blind.stdout
    assert "1 problem" in blind.stdout

    with stream.worker():
        pass  # now there is a group, of which brokers tell who may do what
    looking = AclBinding(
        ResourceType.GROUP,
        group,
        ResourcePatternType.LITERAL,
        principal,
        "*",
        AclOperation.DESCRIBE,
        AclPermissionType.ALLOW,
    )
    secured.grant([looking])
    checked = check(stream, **given)
    assert f"problem  group       this Kafka user lacks read on {group}" in checked.stdout, checked.stdout
    assert "1 problem" in checked.stdout


@pytest.fixture
def guarded_redis(authority: Authority, tmp_path: Path) -> Iterator[tuple[RedisServer, int]]:
    """A Redis with TLS and a user who may do what docs/security.md lists, and nothing else; and its TLS port."""
    needed("redis-server", "redis-server")
    (port,) = free_ports(1, random.SystemRandom())
    server = authority.sign("redis")
    commands = " ".join(f"+{command}" for command in redis_commands(cluster=False))
    config = {
        "tls-port": str(port),
        "tls-cert-file": str(server.certificate),
        "tls-key-file": str(server.key),
        "tls-ca-cert-file": str(authority.certificate),
        "tls-auth-clients": "no",
        "user songprint": f"on >{PASSWORD} resetchannels ~{redis_keys()} -@all {commands}",
    }
    with start_redis(tmp_path / "guarded", "redis", config) as running:
        yield running, port


def test_redis_over_tls_with_the_rights_listed(
    guarded_redis: tuple[RedisServer, int], stream: Stream, authority: Authority, tmp_path: Path
) -> None:
    server, port = guarded_redis
    (tmp_path / "password").write_text(PASSWORD)
    given = {
        "SONGPRINT_REDIS__URL": f"rediss://127.0.0.1:{port}/0",
        "SONGPRINT_REDIS__USERNAME": "songprint",
        "SONGPRINT_REDIS__PASSWORD_FILE": str(tmp_path / "password"),
        "SONGPRINT_REDIS__SSL_CA_CERTS": str(authority.certificate),
    }
    assert CANARY not in work(stream, **given)
    with redis.Redis.from_url(server.url) as admin:
        used = {name.removeprefix("cmdstat_") for name in admin.info("commandstats")}
    assert set(redis_commands(cluster=False)) <= used, "a right is listed that nothing needs"
    worker = stream.start("b", **given | {"SONGPRINT_REDIS__USERNAME": "stranger"})
    assert worker.process.wait(60) == 1
    assert "refuses this user" in worker.output()
    assert CANARY not in worker.output()


def test_a_redis_that_is_not_the_one_it_should_be_is_not_spoken_to(
    guarded_redis: tuple[RedisServer, int], authority: Authority, tmp_path: Path
) -> None:
    """One whose authority is neither named nor of the system, then one that shows the certificate of another host."""
    server, port = guarded_redis
    given = {
        "SONGPRINT_REDIS__URL": f"rediss://127.0.0.1:{port}/0",
        "SONGPRINT_REDIS__USERNAME": "songprint",
        "SONGPRINT_REDIS__PASSWORD": PASSWORD,
        "SONGPRINT_REDIS__SSL_CA_CERTS": str(authority.certificate),
    }
    redis_states(load_settings(None, {}, given)).check()
    stranger = Authority(tmp_path / "stranger").certificate
    with pytest.raises(Retry, match="certificate verify failed"):
        redis_states(load_settings(None, {}, given | {"SONGPRINT_REDIS__SSL_CA_CERTS": str(stranger)})).check()
    with pytest.raises(Retry, match="certificate verify failed"):  # the tests' authority is none of the system's
        redis_states(load_settings(None, {}, given | {"SONGPRINT_REDIS__SSL_CA_CERTS": ""})).check()
    other = authority.sign("other", host=ELSEWHERE)
    with redis.Redis.from_url(server.url) as admin:
        admin.config_set("tls-cert-file", str(other.certificate), "tls-key-file", str(other.key))
    with pytest.raises(Retry, match="certificate verify failed"):
        redis_states(load_settings(None, {}, given)).check()


def test_a_local_stack_uses_given_servers_that_ask_for_certificates(
    secured: Secured, guarded_redis: tuple[RedisServer, int], authority: Authority
) -> None:
    environ = {
        "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": secured.tls,
        "SONGPRINT_KAFKA__SECURITY_PROTOCOL": "ssl",
        "SONGPRINT_KAFKA__SSL_CA_LOCATION": str(authority.certificate),
        "SONGPRINT_REDIS__URL": f"rediss://127.0.0.1:{guarded_redis[1]}/0",
        "SONGPRINT_REDIS__SSL_CA_CERTS": str(authority.certificate),
    }
    with LocalStack(environ=environ) as stack:
        assert stack.processes == ()
        assert (stack.bootstrap_servers, stack.redis_url) == (secured.tls, environ["SONGPRINT_REDIS__URL"])


def test_a_right_that_lacks_in_redis_is_found_by_check(
    guarded_redis: tuple[RedisServer, int], stream: Stream, authority: Authority
) -> None:
    server, port = guarded_redis
    with redis.Redis.from_url(server.url) as admin:
        admin.execute_command("ACL", "SETUSER", "songprint", "-hdel")
    checked = check(
        stream,
        SONGPRINT_REDIS__URL=f"rediss://127.0.0.1:{port}/0",
        SONGPRINT_REDIS__USERNAME="songprint",
        SONGPRINT_REDIS__PASSWORD=PASSWORD,
        SONGPRINT_REDIS__SSL_CA_CERTS=str(authority.certificate),
    )
    assert "refuses this user" in checked.stdout, checked.stdout
    assert "1 problem" in checked.stdout
