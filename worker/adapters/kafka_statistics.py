"""What librdkafka tells of the partitions that it fetches, once in a while."""

import json
from typing import Any

_STATE = ("fetch_state", "next_offset", "app_offset", "hi_offset", "ls_offset", "fetchq_cnt", "rxmsgs", "rx_ver_drops")


class Statistics:
    """The last word on each partition of one topic, as `statistics.interval.ms` has it told."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._parts: dict[int, dict[str, Any]] = {}
        self.told = False
        """Whether there ever was any: they can be turned off."""

    def take_in(self, document: str) -> None:
        self.told = True
        parts = json.loads(document).get("topics", {}).get(self._topic, {}).get("partitions", {})
        self._parts.update((int(number), part) for number, part in parts.items())

    def forget(self, partition: int) -> None:
        """It is to be fetched from another offset."""
        self._parts.pop(partition, None)

    def end(self, partition: int) -> int | None:
        """The offset after the partition's last record; None while it is not known."""
        end: int = self._parts.get(partition, {}).get("hi_offset", -1)
        return end if end >= 0 else None

    def delivered(self, partition: int) -> int:
        """The offset after all that was delivered, transaction markers that follow it counted; 0 if not known."""
        delivered: int = self._parts.get(partition, {}).get("app_offset", 0)
        return max(0, delivered)

    def state(self, partition: int) -> dict[str, Any]:
        """What tells why a partition is not fetched, in librdkafka's words (its STATISTICS.md)."""
        part = self._parts.get(partition, {})
        return {key: part[key] for key in _STATE if key in part}
