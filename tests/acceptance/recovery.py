"""How long a fault is felt: until every partition has a committed label of an event that came after it."""

import threading
import time
from collections.abc import Mapping

import msgspec
from confluent_kafka import Consumer, TopicPartition


class _Source(msgspec.Struct):
    partition: int
    offset: int


class _Label(msgspec.Struct):
    source: _Source


_decode = msgspec.json.Decoder(_Label).decode


class Recovery:
    """One fault, from the moment it struck; `marks` are the ends of the input partitions at that moment."""

    def __init__(self, marks: Mapping[int, int]) -> None:
        self._left = dict(marks)
        self._struck = time.monotonic()
        self.done = threading.Event()
        self.seconds: float | None = None
        """From the fault to the next committed label, of the partition that waited longest."""

    def labelled(self, partition: int, offset: int) -> None:
        if offset >= self._left.get(partition, offset + 1):
            del self._left[partition]
            if not self._left:
                self.seconds = time.monotonic() - self._struck
                self.done.set()


class RecoveryWatch:
    """Reads labels as they are committed, in a `with` block, and tells the open recoveries of them."""

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "recovery-watch",
                "isolation.level": "read_committed",
                "auto.offset.reset": "latest",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
            }
        )
        self._consumer.assign([TopicPartition(topic, partition) for partition in range(partitions)])
        self._open: list[Recovery] = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recovery-watch", daemon=True)

    def __enter__(self) -> "RecoveryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ending.set()
        self._thread.join()
        self._consumer.close()

    def begin(self, marks: Mapping[int, int]) -> Recovery:
        recovery = Recovery(marks)
        with self._lock:
            self._open.append(recovery)
        return recovery

    def _run(self) -> None:
        while not self._ending.is_set():
            for message in self._consumer.consume(1000, 0.05):
                if message.error() is None and message.value():
                    source = _decode(message.value()).source
                    self._tell(source)

    def _tell(self, source: _Source) -> None:
        with self._lock:
            for recovery in self._open:
                recovery.labelled(source.partition, source.offset)
            self._open = [recovery for recovery in self._open if not recovery.done.is_set()]
