"""Where a partition begins and ends, asked beside the consumer; and what goes along with a committed offset."""

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from worker.adapters.kafka_errors import error_of, sorted_error
from worker.errors import Retry

_WAIT = 5.0  # seconds that a look-up at the broker may take
_CHANGELOG = "changelog "


def write_position(position: int) -> str:
    """A committed offset's metadata: the changelog reaches at least to `position`."""
    return f"{_CHANGELOG}{position}"


def read_position(metadata: str | None) -> int:
    """The position in a committed offset's metadata; 0 where somebody else has written it."""
    number = (metadata or "").removeprefix(_CHANGELOG)
    return int(number) if number.isdecimal() and metadata != number else 0


def look_up(admin: AdminClient, part: TopicPartition, spec: OffsetSpec) -> int:
    """The offset that `spec` stands for, open transactions counted. Raises Retry if the broker is away.

    librdkafka's admin client goes on asking a leader that it once knew until its metadata are renewed: after a broker's
    restart that fails for minutes. So whenever an answer is of no use, the leaders are looked up before the next try.
    """
    doing = f"asking for the bounds of {part.topic}"
    try:
        try:
            return _ask(admin, part, spec)
        except (KafkaException, _NoAnswer):
            admin.list_topics(part.topic, _WAIT)
            return _ask(admin, part, spec)
    except KafkaException as exception:
        raise sorted_error(error_of(exception), doing) from exception
    except _NoAnswer as exception:
        raise Retry(f"Kafka, {doing}: no answer", "kafka") from exception


class _NoAnswer(Exception):
    """The connection broke or the time ran out. librdkafka then tells an offset that is none, and no error."""


def _ask(admin: AdminClient, part: TopicPartition, spec: OffsetSpec) -> int:
    every = IsolationLevel.READ_UNCOMMITTED
    future = admin.list_offsets({part: spec}, isolation_level=every, request_timeout=_WAIT)[part]
    try:
        offset = int(future.result(_WAIT).offset)
    except TimeoutError as error:
        raise _NoAnswer from error
    if offset < 0:
        raise _NoAnswer
    return offset
