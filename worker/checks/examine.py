"""Everything that can be looked at, one part after the other; a part that is away hides no other."""

import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TypeVar

from worker.adapters.kafka_topics import KafkaTopics, TopicFacts
from worker.adapters.redis_state import RedisStates
from worker.assemble import clients_that_take_their_options, patient, redis_states
from worker.checks.address import check_address
from worker.checks.bundle import check_bundle
from worker.checks.erasure import check_erasure
from worker.checks.finding import Finding, ok, problem
from worker.checks.group import check_group
from worker.checks.partitioner import check_partitioner
from worker.checks.process import check_log, check_memory, check_waiting, memory_limit
from worker.checks.redis_server import check_redis, try_redis
from worker.checks.rights import check_rights
from worker.checks.topics import check_sizes, check_topics
from worker.checks.watermarks import check_watermarks
from worker.errors import Retry, Stop
from worker.settings import Settings

PATIENCE_SECONDS = 3.0
Answer = TypeVar("Answer")
_START = {
    "kafka": "start it, or correct SONGPRINT_KAFKA__BOOTSTRAP_SERVERS; SONGPRINT_KAFKA__SECURITY_PROTOCOL has to be "
    "that of the brokers' listener",
    "redis": "start it, or correct SONGPRINT_REDIS__URL, which begins with rediss:// for TLS and redis:// without",
}
_REFUSES_A_CERTIFICATE = re.compile(r"certificate verify failed|alert .*(certificate|unknown ca)", re.IGNORECASE)
_CERTIFICATES = {
    "kafka": "correct SONGPRINT_KAFKA__SSL_CA_LOCATION, or give the brokers a certificate of the host that "
    "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS names; brokers that ask for a certificate get that of "
    "SONGPRINT_KAFKA__SSL_CERTIFICATE_LOCATION",
    "redis": "correct SONGPRINT_REDIS__SSL_CA_CERTS, or give the server a certificate of the host that "
    "SONGPRINT_REDIS__URL names",
}


def examine(settings: Settings) -> Iterator[Finding]:
    """Yields what is found as it is found."""
    yield ok("settings", "every value is one that its setting accepts")
    yield from check_memory(settings.policy, memory_limit())
    yield from check_address(settings.http)
    yield from check_log(settings.log)
    yield from check_waiting(settings.redis)
    yield from _guarded("bundle", lambda: check_bundle(settings, time.time()))
    kafka = yield from _asked("kafka", lambda: clients_that_take_their_options(settings))
    facts = (yield from _asked("kafka", kafka.facts)) if kafka else None
    if kafka is not None and facts is not None:
        yield from _check_kafka(settings, kafka, facts)
    cache = yield from _asked("redis", lambda: redis_states(settings))
    if cache is not None:
        answers = yield from _check_cache(settings, cache)
        if answers and kafka is not None and facts is not None:
            yield from _check_copies(cache, kafka, facts)
        cache.close()


def _check_kafka(settings: Settings, kafka: KafkaTopics, facts: Mapping[str, TopicFacts]) -> Iterator[Finding]:
    names = kafka.topics
    yield ok("kafka", f"{settings.kafka.bootstrap_servers} answers")
    yield from check_topics(names, facts)
    yield from check_rights(names, facts)
    yield from check_sizes(names, facts, settings.policy.max_songs)
    yield from check_erasure(names, facts)
    yield from check_partitioner(names.events)
    if names.events in facts and names.states in facts:
        # Right after a topic was made, or a leader has changed, brokers refer to one another for a moment.
        group = yield from _asked(
            "group", lambda: patient(lambda: list(check_group(kafka, settings.kafka)), PATIENCE_SECONDS)
        )
        yield from group or ()


def _check_cache(settings: Settings, cache: RedisStates) -> Generator[Finding, None, bool]:
    """Whether there is an answer at all."""
    nodes = yield from _asked("redis", cache.nodes)
    if nodes is None:
        return False
    found = list(check_redis(nodes, time.time(), cluster=settings.redis.cluster))
    yield from found
    if all(finding.status != "problem" for finding in found):  # or the trial would fail for a reason that is said
        yield from _guarded("redis", lambda: try_redis(cache))
    return True


def _check_copies(cache: RedisStates, kafka: KafkaTopics, facts: Mapping[str, TopicFacts]) -> Iterator[Finding]:
    sound = all(name in facts for name in kafka.topics)
    if sound and facts[kafka.topics.events].partitions == facts[kafka.topics.states].partitions:
        yield from _guarded("watermarks", lambda: check_watermarks(cache, kafka.identity(facts)))


def _asked(part: str, question: Callable[[], Answer]) -> Generator[Finding, None, Answer | None]:
    """The answer; or None, with a finding that says why there is none."""
    try:
        return question()
    except (Retry, Stop) as failure:
        yield _failed(part, failure)
        return None


def _guarded(part: str, check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except (Retry, Stop) as failure:
        yield _failed(part, failure)


def _failed(part: str, failure: Retry | Stop) -> Finding:
    if isinstance(failure, Stop):
        return problem(part, str(failure), "")
    mend = _CERTIFICATES if _REFUSES_A_CERTIFICATE.search(str(failure)) else _START
    return problem(part, str(failure), mend[failure.part])
