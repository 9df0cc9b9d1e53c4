"""What librdkafka says of one option, before any client is made."""

from confluent_kafka import KafkaException, Producer

from worker.adapters.kafka_errors import error_of

_NO_OPTION = "there.is.no.such.option"


def refusal(name: str, value: str) -> str | None:
    """Why librdkafka does not take the option, which it may call by its other name; None if it does."""
    try:
        # The second option is refused if the first is not, so that no client comes of this.
        Producer({name: value, _NO_OPTION: ""})
    except KafkaException as exception:
        why = error_of(exception).str().strip()
        return None if _NO_OPTION in why else why
    except (TypeError, ValueError) as error:  # an option that is no text, such as a callback
        return str(error)
    raise AssertionError("an option that there is not was taken")
