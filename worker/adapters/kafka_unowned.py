"""Partitions that a group of static members has given to nobody.

A cooperative rebalance has two rounds: in the first a member gives up partitions, and by joining again it sets off the
second, in which others get them. If it ends in between, its next life takes its place under the same name without a
rebalance, and what it gave up stays nobody's. Nor does a group notice new partitions of its topic once the member that
led it was restarted.
"""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Event, Thread
from typing import Any, NamedTuple

from confluent_kafka import Consumer, ConsumerGroupState, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription, TopicDescription

from worker.adapters.kafka_client import close_member, make_client
from worker.adapters.kafka_group import ask_for_group

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""Between two looks."""
DOUBLINGS = 7
"""How often the time to the next look doubles while rebalances are of no use: to ten minutes."""
PASS_SECONDS = 60.0
"""How long a rebalance is waited for."""
_WAIT = 5.0  # seconds that the look at the topic may take


class _Look(NamedTuple):
    group: "Future[ConsumerGroupDescription]"
    topic: "Future[TopicDescription]"

    @property
    def done(self) -> bool:
        return self.group.done() and self.topic.done()


class Unowned:
    """Has the group rebalance when partitions of one topic stay without an owner.

    Args:
        options: those of this member's consumer, which is static and of the classic protocol.
        clock: monotonic seconds.
    """

    def __init__(self, admin: AdminClient, options: Mapping[str, Any], topic: str, clock: Callable[[], float]) -> None:
        self._admin = admin
        self._group = options["group.id"]
        self._member = options["group.instance.id"]
        of_this_member = ("group.instance.id", "stats_cb", "statistics.interval.ms")
        self._passer_options = {name: value for name, value in options.items() if name not in of_this_member}
        self._topic = topic
        self._clock = clock
        self._look_at = clock() + LOOK_SECONDS
        self._look: _Look | None = None
        self._unowned: set[int] = set()
        self._passes = 0  # in a row
        self._passing: Thread | None = None
        self._closing = Event()

    def tend(self) -> None:
        """Looks from time to time, and acts if two looks in a row find the same. Waits for nothing."""
        if self._passing and self._passing.is_alive():
            return
        now = self._clock()
        if self._look is None and now >= self._look_at:
            self._look_at = now + LOOK_SECONDS * 2 ** min(self._passes, DOUBLINGS)
            self._look = self._take_look()
        if self._look is None or not self._look.done:
            return
        look, self._look = self._look, None
        found = self._found(look)
        before, self._unowned = self._unowned, found or set()
        if unowned := before & self._unowned:
            self._act(unowned)
        elif found == set():
            self._passes = 0

    def _act(self, unowned: set[int]) -> None:
        log.warning("partitions are nobody's; the group is made to rebalance", extra={"partitions": sorted(unowned)})
        self._unowned = set()
        self._passes += 1
        self._passing = Thread(target=self._pass_by, name="passer-by", daemon=True)
        self._passing.start()

    def _take_look(self) -> _Look:
        group = ask_for_group(self._admin, self._group)
        topic = self._admin.describe_topics(TopicCollection([self._topic]), request_timeout=_WAIT)[self._topic]
        return _Look(group, topic)

    def _found(self, look: _Look) -> set[int] | None:
        """Partitions without an owner; None if there is no telling, or it is not for this member, the first, to act."""
        try:
            group, topic = look.group.result(), look.topic.result()
        except KafkaException as exception:
            log.info("the group could not be described; it is asked again", extra={"cause": str(exception)})
            return None
        names = [member.group_instance_id or member.member_id for member in group.members]
        if group.state != ConsumerGroupState.STABLE or min(names, default="") != self._member:
            return None
        given = [part for member in group.members for part in member.assignment.topic_partitions]
        return {part.id for part in topic.partitions} - {part.partition for part in given if part.topic == self._topic}

    def _pass_by(self) -> None:
        """A member without a name that joins and leaves: both have the group rebalance, and no API does."""
        joined = Event()
        passer = make_client(Consumer, self._passer_options)
        try:
            passer.subscribe([self._topic], on_assign=lambda *_assigned: joined.set())
            given_up = self._clock() + PASS_SECONDS
            while not (joined.is_set() or self._closing.is_set()) and self._clock() < given_up:
                passer.poll(0.1)  # whatever comes is read again by its owner
        except KafkaException as exception:
            log.warning("the group could not be made to rebalance", extra={"cause": str(exception)})
        finally:
            close_member(passer)

    def close(self) -> None:
        self._closing.set()
        if self._passing:
            self._passing.join()
