"""What the group counts as a member's, beside what the member was told.

Under the consumer protocol a broker tells a member of a change to its partitions once, unless it is asked for all of
them. librdkafka (2.16) asks for all after a broken connection, but not after an answer that did not come in time: such
a partition would be nobody's until the worker ends.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription

from worker.adapters.kafka_group import ask_for_group

log = logging.getLogger(__name__)

LOOK_SECONDS = 10.0
"""Between two looks: a member that is told of a change says so within a heartbeat, 5 s as a rule."""


class Membership:
    """One member's partitions of one topic, as the group describes them.

    Args:
        member: its group.instance.id.
        clock: monotonic seconds.
    """

    def __init__(self, admin: AdminClient, group: str, member: str, topic: str, clock: Callable[[], float]) -> None:
        self._admin = admin
        self._group = group
        self._member = member
        self._topic = topic
        self._clock = clock
        self._look_at = clock() + LOOK_SECONDS
        self._answer: Future[ConsumerGroupDescription] | None = None
        self._differing: set[int] = set()

    def misunderstood(self, held: Callable[[], set[int]]) -> set[int]:
        """Partitions that in two looks in a row either the group or the member counted as the member's, and the other
        did not. Waits for nothing: a look is taken in one call, and judged in a later one.
        """
        now = self._clock()
        if self._answer is None and now >= self._look_at:
            self._look_at = now + LOOK_SECONDS
            self._answer = ask_for_group(self._admin, self._group)
        if self._answer is None or not self._answer.done():
            return set()
        before, self._differing = self._differing, self._difference(self._answer, held())
        self._answer = None
        return before & self._differing

    def _difference(self, answer: "Future[ConsumerGroupDescription]", held: set[int]) -> set[int]:
        try:
            members = answer.result().members
        except KafkaException as exception:
            log.info("the group could not be described; it is asked again", extra={"cause": str(exception)})
            return set()
        for member in members:
            if member.group_instance_id == self._member:
                told = member.assignment.topic_partitions
                return held ^ {part.partition for part in told if part.topic == self._topic}
        return set()  # it has left, or was put out, and will join anew by itself
