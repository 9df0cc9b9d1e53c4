"""python -m tests.benchmark.pace: events at a steady rate, each with the time at which it was due.

The time is the one of the schedule: what the system under test, or this producer, makes an event wait counts in full.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from confluent_kafka import Producer

from tests.benchmark.workload import Change, Workload

READY = "ready"
"""Said in a line of its own before the first event is due: to make them all takes a while."""


def due(rate: float, start: float, clock: Callable[[], float], rest: Callable[[float], None]) -> Iterator[float]:
    """The times at which events are due, endlessly, each given out when it has come. `rest` waits some seconds."""
    for number in itertools.count():
        at = start + number / rate
        while (wait := at - clock()) > 0:
            rest(wait)
        yield at


def stamped(change: Change, at: float) -> bytes:
    """The event, with `at` in microseconds."""
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds").removesuffix("+00:00")
    return change.value(b',"at":"%bZ"' % moment.encode())


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark.pace", description=__doc__)
    parser.add_argument("brokers", metavar="BROKERS")
    parser.add_argument("topic", metavar="TOPIC")
    parser.add_argument("--rate", type=float, required=True, help="events per second")
    parser.add_argument("--seconds", type=float, required=True, help="for how long")
    options = parser.parse_args(arguments)
    count = round(options.rate * options.seconds)
    producer = Producer(
        {
            "bootstrap.servers": options.brokers,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "linger.ms": 0,
        }
    )
    changes = list(Workload(events=count, seed=1).changes())
    print(READY, flush=True)
    schedule = due(options.rate, time.time(), time.time, time.sleep)
    for change, at in zip(changes, schedule, strict=False):
        producer.produce(options.topic, stamped(change, at), change.key)
        producer.poll(0)
    if producer.flush(30):
        print("error: events were not delivered within 30 s", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
