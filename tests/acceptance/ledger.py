"""What was sent: every event with its user's sequence number, and how far the brokers have taken them."""

import threading
from collections import Counter, defaultdict
from collections.abc import Sequence
from random import Random

from confluent_kafka import KafkaError, Message, Producer

from tests.acceptance.events import Event, EventMaker
from tests.acceptance.records import Seen

SEQUENCE = "sequence"
PATIENCE = 180.0
TICK = 0.02


class Ledger:
    """Sends events and keeps account of them. Safe to use from several threads."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "message.timeout.ms": int(PATIENCE * 1000),
                "queue.buffering.max.messages": 1_000_000,
                "linger.ms": 5,
                "log_level": 0,  # brokers that are away are what this is about
            }
        )
        self._topic = topic
        self._lock = threading.Lock()
        self._sent: Counter[bytes | None] = Counter()
        self.ends: dict[int, int] = {}
        """Partition → the offset after the last event that is known to be written."""
        self.refused: list[str] = []

    @property
    def count(self) -> int:
        return self._sent.total()

    def send(self, event: Event) -> None:
        with self._lock:
            self._sent[event.key] += 1
            sequence = b"%d" % self._sent[event.key]
            while True:
                try:
                    self._producer.produce(
                        self._topic,
                        event.value,
                        event.key,
                        headers=[(SEQUENCE, sequence)],
                        on_delivery=self._delivered,
                    )
                    return
                except BufferError:
                    self._producer.poll(0.1)

    def poll(self) -> None:
        self._producer.poll(0)

    def flush(self) -> None:
        """Returns when every event is written. Fails if one is not."""
        left = self._producer.flush(PATIENCE)
        assert not left, f"{left} events were not written within {PATIENCE:g} s"
        assert not self.refused, f"events were refused: {self.refused[0]}"

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self.refused.append(error.str())
        else:
            self.ends[message.partition()] = message.offset() + 1

    def difference(self, inputs: Sequence[Seen]) -> str | None:
        """What of the events that were sent is not in the input topic, or not in order; None if all is.

        An event may stand there again later on: brokers that are all killed may forget what an idempotent producer has
        written, and then it writes that once more. Such an event is an event like any other to whoever reads it.
        """
        read: dict[bytes | None, set[int]] = defaultdict(set)
        for seen in inputs:
            number, before = int(seen.header(SEQUENCE) or 0), read[seen.key]
            if not 1 <= number <= self._sent[seen.key]:
                return f"event {number} of {seen.key!r} is in the topic, and was never sent"
            # Brokers decide where events without a key go, so those have no order.
            if seen.key and number > len(before) + 1:
                return f"event {len(before) + 1} of {seen.key!r} is not in the topic where event {number} is"
            before.add(number)
        for key, count in self._sent.items():
            if len(read[key]) != count:
                return f"{count} events of {key!r} were sent, {len(read[key])} of them are in the topic"
        return None


class Traffic:
    """Events in the background, at `rate` a second, with a burst of a few thousand from time to time."""

    def __init__(self, ledger: Ledger, maker: EventMaker, rate: float, random: Random) -> None:
        self._ledger = ledger
        self._maker = maker
        self._rate = rate
        self._random = random
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()

    def burst(self, count: int, *, poison: bool = False) -> None:
        for _ in range(count):
            self._ledger.send(self._maker.poison() if poison else self._maker.next())
            self._ledger.poll()

    def _run(self) -> None:
        due = 0.0
        while not self._ending.wait(TICK):
            due += self._rate * TICK
            if self._random.random() < TICK / 10:  # every ten seconds
                due += self._rate * self._random.uniform(2, 5)
            for _ in range(int(due)):
                self._ledger.send(self._maker.next())
            due -= int(due)
            self._ledger.poll()
