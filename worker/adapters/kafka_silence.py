"""Whether a partition with events delivers none.

librdkafka (2.16) may leave a partition that was assigned, paused, sought and resumed in quick succession unfetched for
good and say nothing of it (librdkafka #5591, #2190): its events would wait until the worker ends.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ListOffsetsResultInfo, OffsetSpec

from worker.errors import Stop

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
"""Between two looks at where the partitions end."""
SILENT_SECONDS = 10.0
"""How long after a look an event that was there may take to come: a broker that throttles holds it back for a while."""
JOINS = 3
"""How often a worker joins anew for one event that does not come, before it ends."""
_WAIT = 5.0  # seconds that a look may take
_RENEW = 1.0  # seconds that a poll may take for leaders


class Silence:
    """Finds the partitions of one topic that deliver nothing. Waits for nothing, but for metadata after a failed look.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, admin: AdminClient, topic: str, clock: Callable[[], float]) -> None:
        self._admin = admin
        self._topic = topic
        self._clock = clock
        self._next = clock() + LOOK_SECONDS
        self._before: dict[int, int] = {}  # what was delivered when the look was taken
        self._answers: dict[int, Future[ListOffsetsResultInfo]] = {}
        self._ends: dict[int, int] = {}
        self._found: Counter[tuple[int, int]] = Counter()

    def forget(self, partition: int) -> None:
        """It was paused, or is gone: what was seen of it says nothing any more."""
        self._before.pop(partition, None)

    def found(self, delivered: Mapping[int, int]) -> dict[int, int]:
        """Silent partitions, and where they end.

        Args:
            delivered: of each partition that may deliver, the offset after all that it did. Nothing that was fetched
                waits to be delivered.

        Raises Stop if one is silent though the worker has joined anew for it again and again.
        """
        if self._answers and all(answer.done() for answer in self._answers.values()):
            self._take_in()
        if self._clock() < self._next or self._answers:
            return {}
        silent = {
            number: end
            for number, end in self._ends.items()
            if end > delivered.get(number, end) and delivered[number] == self._before.get(number)
        }
        self._look(delivered)
        self._count(silent, delivered)
        return silent

    def _look(self, delivered: Mapping[int, int]) -> None:
        self._ends, self._before = {}, dict(delivered)
        self._next = self._clock() + LOOK_SECONDS
        if not delivered:
            return
        parts = [TopicPartition(self._topic, number) for number in delivered]
        asked = self._admin.list_offsets(
            {part: OffsetSpec.latest() for part in parts},
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=_WAIT,
        )
        self._answers = {part.partition: answer for part, answer in asked.items()}

    def _take_in(self) -> None:
        answers, self._answers = self._answers, {}
        causes = []
        for number, answer in answers.items():
            try:
                end = int(answer.result().offset)
            except KafkaException as exception:
                causes.append(str(exception))
            else:
                if end >= 0:
                    self._ends[number] = end
                else:  # librdkafka's way to say that a connection broke
                    causes.append("no answer")
        self._next = self._clock() + SILENT_SECONDS
        if causes:
            log.info("where some partitions end could not be told", extra={"causes": sorted(set(causes))})
            self._renew_leaders()

    def _renew_leaders(self) -> None:
        """Or the admin client would go on asking old ones."""
        try:
            self._admin.list_topics(self._topic, _RENEW)
        except KafkaException as exception:
            log.info("the brokers could not be asked for leaders", extra={"cause": str(exception)})

    def _count(self, silent: Mapping[int, int], delivered: Mapping[int, int]) -> None:
        places = {(number, delivered[number]) for number in silent}
        still = {place: times for place, times in self._found.items() if delivered.get(*place) == place[1]}
        self._found = Counter(still)
        self._found.update(places)
        for (number, offset), times in self._found.items():
            if times > JOINS:
                raise Stop(
                    f"partition {number} of {self._topic} ends at {silent[number]}, but the event at {offset} does not "
                    f"come, though this worker has joined its group anew {JOINS} times. See whether another consumer "
                    "can read it, and what the brokers' logs say of it"
                )
