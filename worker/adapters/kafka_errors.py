"""librdkafka's errors, sorted into what the caller should do."""

from confluent_kafka import KafkaError, KafkaException

from worker.errors import Retry, Stop

_STOP = {
    KafkaError._AUTHENTICATION: "check the SASL and TLS settings (SONGPRINT_KAFKA__…)",
    KafkaError.SASL_AUTHENTICATION_FAILED: "check the SASL settings (SONGPRINT_KAFKA__…)",
    KafkaError._SSL: "check the TLS settings (SONGPRINT_KAFKA__SSL_…)",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "grant the topic rights listed in docs/security.md; see `worker check`",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "grant the group rights listed in docs/security.md",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "grant the transactional-id rights listed in docs/security.md",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "grant the cluster rights listed in docs/security.md",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "create the topics with `python -m worker topics --create`",
    KafkaError._UNKNOWN_TOPIC: "create the topics with `python -m worker topics --create`",
    KafkaError.UNRELEASED_INSTANCE_ID: "another worker uses this instance name; set SONGPRINT_KAFKA__INSTANCE",
    KafkaError.FENCED_INSTANCE_ID: "another worker uses this instance name; set SONGPRINT_KAFKA__INSTANCE",
    KafkaError.MSG_SIZE_TOO_LARGE: "raise the topic's max.message.bytes to 1048588, the broker's default",
    KafkaError.INCONSISTENT_GROUP_PROTOCOL: "all workers of a group must use the same SONGPRINT_KAFKA__ASSIGNMENT",
    KafkaError.INVALID_SESSION_TIMEOUT: "set SONGPRINT_KAFKA__SESSION_TIMEOUT_MS within the broker's bounds",
    KafkaError.INVALID_TRANSACTION_TIMEOUT: "set SONGPRINT_KAFKA__TRANSACTION_TIMEOUT_MS within the broker's bounds",
}


def sorted_error(error: KafkaError, doing: str) -> Retry | Stop:
    """The exception to raise for `error`, which happened while `doing`."""
    hint = _STOP.get(error.code())
    what = f"Kafka, {doing}: {error.str()} ({error.name()})"  # the text of some errors is empty
    return Retry(what, "kafka") if hint is None else Stop(f"{what}; {hint}")


def error_of(exception: KafkaException) -> KafkaError:
    """The KafkaError that a KafkaException carries."""
    error = exception.args[0]
    assert isinstance(error, KafkaError)
    return error
