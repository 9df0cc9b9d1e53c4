"""Making librdkafka's clients, of which each kind knows only when it is made whether it takes its options."""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaException

from worker.adapters.kafka_errors import error_of
from worker.adapters.kafka_log import librdkafka
from worker.errors import Stop

Client = TypeVar("Client")


def make_client(kind: Callable[..., Client], options: Mapping[str, Any]) -> Client:
    """A Consumer, Producer or AdminClient. Raises Stop for options that it does not take, or files that are no good."""
    try:
        return kind(dict(options), logger=librdkafka)
    except KafkaException as exception:
        raise _refused(error_of(exception).str()) from exception
    except (TypeError, ValueError) as error:  # an option that is no text, such as a callback
        raise _refused(str(error)) from error


def close_member(consumer: Consumer) -> None:
    """Closes a consumer that has subscribed to a topic, which gives its partitions back.

    While partitions that a rebalance gave it still wait to be taken, librdkafka may never return from closing (its
    issue #4884), nor lets go of the interpreter: no signal would be heard any more. So they are taken first.
    """
    try:
        owned = consumer.assignment()
    except RuntimeError:  # it is closed already
        return
    try:
        consumer.pause(owned)  # no more records: nothing else is waiting then
        consumer.consume(1, 0)
    finally:
        consumer.close()


_OPTIONS = ("SONGPRINT_KAFKA__OPTIONS", "SONGPRINT_KAFKA__CONSUMER_OPTIONS", "SONGPRINT_KAFKA__PRODUCER_OPTIONS")
_HAS_A_SETTING = re.compile(r"ssl\.(ca|certificate|key)\.(location|password)|sasl[. ]mechanism", re.IGNORECASE)


def _refused(why: str) -> Stop:
    """`why` names the option, in librdkafka's words; what it got is not shown, as it may be a secret."""
    named = [f"SONGPRINT_KAFKA__{re.sub('[. ]', '_', found[0]).upper()}" for found in _HAS_A_SETTING.finditer(why)]
    return Stop(f"librdkafka does not take what it got: {why}. Correct {' or '.join(named or _OPTIONS)}")
