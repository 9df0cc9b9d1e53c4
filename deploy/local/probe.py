"""Whether a server answers: one real request by the client library that everything else uses, never an exception."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.retry import Retry

REQUEST_SECONDS = 2.0
PING_SECONDS = 1.0


def kafka_nodes(
    bootstrap_servers: str, seconds: float = REQUEST_SECONDS, options: Mapping[str, Any] = MappingProxyType({})
) -> frozenset[int]:
    """The ids of the brokers that are up, as one of `bootstrap_servers` sees it; none when it does not answer.

    `options` are further ones of librdkafka: how to come through a listener that asks for something.
    """
    client = AdminClient(
        {
            **options,
            "bootstrap.servers": bootstrap_servers,
            "reconnect.backoff.ms": 20,
            "reconnect.backoff.max.ms": 50,  # a broker that comes up during the request is seen at once
            "log_level": 0,  # refused connections are what a probe expects
        }
    )
    try:
        cluster = client.describe_cluster(request_timeout=seconds).result(seconds + 1)
    except (KafkaException, TimeoutError):
        return frozenset()
    return frozenset(node.id for node in cluster.nodes)


def redis_answers(url: str, seconds: float = PING_SECONDS, authorities: Path | None = None) -> bool:
    """`authorities` are those that its certificate is checked against, where it has one."""
    at_once = Retry(NoBackoff(), 0)
    options: dict[str, Any] = {} if authorities is None else {"ssl_ca_certs": str(authorities)}
    with Redis.from_url(url, socket_timeout=seconds, retry=at_once, **options) as client:
        try:
            return bool(client.ping())
        except AuthenticationError:  # it is there; the password is a setting of its own, for the worker
            return True
        except RedisError:  # also while it loads its data
            return False
