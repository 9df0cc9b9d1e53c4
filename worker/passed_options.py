"""Options that are passed through to librdkafka, held against what it takes, with one line for each that is wrong."""

import re
from collections.abc import Iterator, Mapping

from worker.adapters.kafka_options import refusal
from worker.configuration import shown, variable
from worker.errors import Stop
from worker.settings import Kafka

_SECRET = re.compile(r"password|passphrase|secret|token|key|pem|jaas|config")
_UNKNOWN = "No such configuration property"
_RANGE = re.compile(r"outside allowed range (-?\d+)\.\.(-?\d+)")
_BEYOND = str(-(10**12))  # no option goes so far


def refuse_wrong_options(settings: Kafka) -> None:
    """Raises Stop with a line for each option that librdkafka does not know, or whose value it does not take."""
    given = {name: getattr(settings, name) for name in ("options", "consumer_options", "producer_options")}
    wrong = [line for name, options in given.items() for line in _complaints(variable(f"kafka.{name}"), options)]
    if wrong:
        raise Stop("\n".join(wrong))


def _complaints(setting: str, options: Mapping[str, str]) -> Iterator[str]:
    for name, value in options.items():
        why = refusal(name, value)
        if why is None:
            continue
        # An unknown name may be that of a password, misspelt; of a known one, a number or a choice is refused.
        got = "a value that is not shown" if _SECRET.search(name) or _UNKNOWN in why else shown(value)
        # Of a number out of range librdkafka says what it accepts, of what is no number at all it does not.
        bounds = None if _RANGE.search(why) else _RANGE.search(refusal(name, _BEYOND) or "")
        accepts = f"; accepts a number from {bounds[1]} to {bounds[2]}" if bounds else ""
        yield f"{setting}: {name}: got {got}{accepts}; librdkafka's words: {why}"
