"""Builds a worker from its settings; the only place that knows which adapters stand behind the ports."""

import time
from collections.abc import Callable
from random import SystemRandom
from typing import Any, TypeVar

import redis

from worker.adapters.kafka_changelog import KafkaChangelog
from worker.adapters.kafka_sink import KafkaSink, Topics
from worker.adapters.kafka_source import KafkaSource
from worker.adapters.kafka_topics import KafkaTopics
from worker.adapters.redis_state import RedisStates, sorted_error
from worker.backoff import Backoff
from worker.contract.bundle import BundleError, load_bundle
from worker.errors import Retry, Stop
from worker.inference.labeller import Labeller
from worker.loop import Bounds, Observers, Ports, Worker
from worker.model_watch import ModelWatch
from worker.observe.health import STALLED_SECONDS
from worker.passed_options import refuse_wrong_options
from worker.pipeline import Pipeline, Policy
from worker.restore import Restorer
from worker.settings import Settings

ADMIN_SECONDS = 5.0
_chance = SystemRandom().random
Answer = TypeVar("Answer")


def topics_of(settings: Settings) -> Topics:
    kafka = settings.kafka
    return Topics(kafka.events_topic, kafka.labels_topic, kafka.state_topic, kafka.dead_letter_topic)


def kafka_topics(settings: Settings) -> KafkaTopics:
    """Raises Stop for options that librdkafka does not take."""
    refuse_wrong_options(settings.kafka)
    return KafkaTopics(settings.kafka.client_options(), topics_of(settings), ADMIN_SECONDS)


def clients_that_take_their_options(settings: Settings) -> KafkaTopics:
    """Makes every kind of client that a worker has, and joins nothing with it. Raises Stop for the first that fails."""
    kafka = kafka_topics(settings)
    KafkaChangelog(changelog_options(settings), kafka.admin, kafka.topics.states).close()
    KafkaSource(consumer_options(settings), kafka.admin, kafka.topics.events, incremental=True).close()
    KafkaSink(producer_options(settings), kafka.topics, settings.kafka.transaction_timeout_ms / 1000).check()
    return kafka


def redis_states(settings: Settings) -> RedisStates:
    """The cache of states. Raises Retry if it is a cluster and none of its nodes answers."""
    given = settings.redis
    options: dict[str, Any] = {
        "username": given.username,
        "password": given.password.get_secret_value() if given.password else None,
        "socket_timeout": given.timeout_s,
        "socket_connect_timeout": given.timeout_s,
        # Every failure ends in a restore, so the client itself repeats nothing.
        "retry": redis.retry.Retry(redis.backoff.NoBackoff(), 0),
    }
    if given.ssl_ca_certs is not None:
        options["ssl_ca_certs"] = str(given.ssl_ca_certs)
    if not given.cluster:
        client = redis.Redis.from_url(given.url, **options)
        return RedisStates(client, given.key_prefix, settings.kafka.group, given.url)
    try:
        cluster = redis.RedisCluster.from_url(given.url, **options)  # asks the nodes at once, unlike a single server
    except (redis.RedisError, redis.exceptions.RedisClusterException) as error:
        if "Cluster mode is not enabled" in str(error):  # the client's words for any error that a node answers with
            raise Stop(
                f"{given.url} does not tell which node has which slot: if it is no Redis Cluster, set "
                "SONGPRINT_REDIS__CLUSTER to false; or else grant cluster|slots to its user (docs/security.md)"
            ) from error
        raise sorted_error(error, given.url) from error
    return RedisStates(cluster, given.key_prefix, settings.kafka.group, given.url)


def consumer_options(settings: Settings) -> dict[str, Any]:
    kafka = settings.kafka
    classic = {
        "session.timeout.ms": kafka.session_timeout_ms,
        "partition.assignment.strategy": kafka.assignment,
    }
    return {
        "statistics.interval.ms": 1000,
        # Heartbeats go on while the loop hangs, so this decides when Kafka gives a worker's partitions to others: when
        # it counts as hanging. librdkafka's default is five minutes; less than a session it does not take.
        "max.poll.interval.ms": max(int(STALLED_SECONDS * 1000), kafka.session_timeout_ms),
        "fetch.queue.backoff.ms": 10,  # the default, a second, starves a worker that has just emptied a full queue
        # What is read ahead takes several times its bytes in memory: some batches of it, where the default is 64 MB.
        "queued.max.messages.kbytes": 8192,
        "fetch.max.bytes": 1048576,
        **kafka.client_options(),
        **kafka.consumer_options,
        **(classic if kafka.group_protocol == "classic" else {}),
        "group.id": kafka.group,
        "group.instance.id": kafka.member,
        "group.protocol": kafka.group_protocol,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
    }


def producer_options(settings: Settings) -> dict[str, Any]:
    kafka = settings.kafka
    return {
        "compression.type": "lz4",
        "linger.ms": 5,  # a commit flushes at once, so this delays nothing; it lets batches fill while one is gathered
        "queue.buffering.max.messages": 1_000_000,
        # A call that adds offsets and has lost its group coordinator looks for another one only when the connection to
        # any broker changes its state, and knows no time-out (librdkafka #5456, #5511). These two see to such changes.
        "connections.max.idle.ms": 5_000,
        "topic.metadata.refresh.interval.ms": 10_000,
        # How long to wait while the last transaction's markers are still being written; the default is 100 ms.
        "retry.backoff.ms": 5,
        **kafka.client_options(),
        **kafka.producer_options,
        "transactional.id": kafka.member,
        "transaction.timeout.ms": kafka.transaction_timeout_ms,
        "message.timeout.ms": kafka.transaction_timeout_ms * 9 // 10,
        "partitioner": "murmur2_random",
    }


def changelog_options(settings: Settings) -> dict[str, Any]:
    kafka = settings.kafka
    return {
        "fetch.wait.max.ms": 20,  # the end of the partition is reported after an empty fetch
        "fetch.queue.backoff.ms": 10,
        **kafka.client_options(),
        **kafka.consumer_options,
        # The group is never joined; but one that the worker has no right to would stop it, and a consumer of events may
        # be given a max.poll.interval.ms that is below the session timeout which librdkafka takes by itself.
        "group.id": kafka.group,
        "session.timeout.ms": kafka.session_timeout_ms,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
    }


def load_labeller(settings: Settings) -> Labeller:
    """The configured bundle, verified and warmed up. Raises Stop if it may not run."""
    path = settings.model.bundle
    try:
        return Labeller.load(load_bundle(path), settings.model.threads)
    except BundleError as error:
        raise Stop(f"SONGPRINT_MODEL__BUNDLE {path}: {error}") from error


def model_watch(settings: Settings) -> ModelWatch:
    """Notices every bundle that comes from now on, so it has to be made before the first one is loaded."""
    model = settings.model
    return ModelWatch(model.bundle, lambda: load_labeller(settings), model.watch_interval_s, time.monotonic)


def assemble(settings: Settings, labeller: Labeller, watch: ModelWatch, observers: Observers) -> Worker:
    """A worker ready to run. Raises Stop if brokers, topics or Redis are not as the protocol needs them."""
    topics = topics_of(settings)
    kafka = kafka_topics(settings)
    facts = patient(kafka.facts, settings.kafka.startup_timeout_s)
    identity = kafka.identity(facts)
    keep_seconds = int(facts[topics.states].config["delete.retention.ms"]) / 1000
    cache = patient(lambda: redis_states(settings), settings.kafka.startup_timeout_s)
    patient(cache.check, settings.kafka.startup_timeout_s)

    incremental = settings.kafka.group_protocol == "consumer" or settings.kafka.assignment == "cooperative-sticky"
    source = KafkaSource(consumer_options(settings), kafka.admin, topics.events, incremental=incremental)
    sink = KafkaSink(producer_options(settings), topics, settings.kafka.transaction_timeout_ms / 1000)
    changelog = KafkaChangelog(changelog_options(settings), kafka.admin, topics.states)
    bounds = Bounds(
        settings.batch.max_events,
        settings.policy.max_hot_bytes // identity.partitions,
        settings.model.relabel_rate if settings.model.relabel else 0,
    )
    return Worker(
        Ports(source, sink, cache),
        Restorer(source, changelog, cache, identity, keep_seconds, time.time),
        lambda model: Pipeline(model, policy(settings)),
        labeller,
        watch,
        observers,
        lambda: backoff(settings),
        bounds,
        topics.events,
    )


def policy(settings: Settings) -> Policy:
    given = settings.policy
    return Policy(given.max_songs, given.max_event_bytes, given.labelling_default, settings.batch.chunk_events)


def backoff(settings: Settings) -> Backoff:
    retry = settings.retry
    return Backoff(retry.first_ms / 1000, retry.max_ms / 1000, retry.jitter, time.monotonic, _chance)


def patient(question: Callable[[], Answer], seconds: float) -> Answer:
    """Asks until there is an answer, at most for `seconds`; then raises Stop with the last reason."""
    waits = Backoff(0.1, 1.0, 0.0, time.monotonic, _chance)
    given_up = time.monotonic() + seconds
    while True:
        try:
            return question()
        except Retry as problem:
            if time.monotonic() > given_up:
                raise Stop(
                    f"{problem}; no answer within {seconds:g} s. Start it, or correct the address "
                    "(SONGPRINT_KAFKA__BOOTSTRAP_SERVERS, SONGPRINT_REDIS__URL)"
                ) from problem
            time.sleep(waits.wait())
