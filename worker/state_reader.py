"""Users' states from the cache, where they are not held in process."""

from collections.abc import Mapping

from worker.adapters.ports import Records, StateCache
from worker.contract.user_state import UserState, unpack
from worker.contract.vocabulary import Vocabulary
from worker.errors import Reject, Retry, Stop
from worker.observe.metrics import Metrics
from worker.partition import OwnedPartition
from worker.pipeline import Decoded, States
from worker.transactions import Transactions


class StateReader:
    """Reads only under the watermark that a partition's copy must have, and only once what was written is settled."""

    def __init__(self, cache: StateCache, transactions: Transactions, metrics: Metrics) -> None:
        self._cache = cache
        self._transactions = transactions
        self._metrics = metrics

    def of_batch(
        self, owned: Mapping[int, OwnedPartition], records: Records, decoded: Decoded, vocabulary: Vocabulary
    ) -> States:
        """The states of all users of a batch. Raises Retry if the cache cannot be believed."""
        hot = {partition: owned[partition].hot for partition in set(records.partitions)}
        for states in hot.values():
            states.age()
        young = {partition: states.young for partition, states in hot.items()}
        wanted: dict[int, dict[bytes, None]] = {partition: {} for partition in hot}
        for partition, key, event in zip(records.partitions, records.keys, decoded.events, strict=True):
            if key not in young[partition] and key is not None and type(event) is not Reject:
                wanted[partition][key] = None
        read = 0
        for partition, users in wanted.items():
            absent = hot[partition].absent(users)
            if absent:
                hot[partition].put(self._read(owned[partition], absent, vocabulary))
                read += len(absent)
        self._metrics.lookups(hot=len(records) - read, hits=0, misses=0)
        return young

    def page(
        self, partition: OwnedPartition, cursor: int, count: int, vocabulary: Vocabulary
    ) -> tuple[int, dict[bytes, UserState]]:
        """The cursor to go on with (0 begins, and 0 is the end), and about `count` of the partition's users."""
        self._transactions.settle()
        found = self._cache.scan(partition.number, partition.watermark.encode(), cursor, count)
        if found is None:
            raise _not_complete(partition)
        return found[0], _unpacked(partition, found[1], vocabulary)

    def _read(
        self, partition: OwnedPartition, users: list[bytes], vocabulary: Vocabulary
    ) -> dict[bytes, UserState | None]:
        self._transactions.settle()
        packed = self._cache.read(partition.number, partition.watermark.encode(), users)
        if packed is None:
            raise _not_complete(partition)
        found = {user: state for user, state in zip(users, packed, strict=True) if state is not None}
        self._metrics.lookups(hot=0, hits=len(found), misses=len(users) - len(found))
        states: dict[bytes, UserState | None] = dict.fromkeys(users)
        states.update(_unpacked(partition, found, vocabulary))
        return states


def _not_complete(partition: OwnedPartition) -> Retry:
    return Retry(f"Redis no longer holds the complete copy of partition {partition.number}", "redis")


def _unpacked(
    partition: OwnedPartition, packed: Mapping[bytes, bytes], vocabulary: Vocabulary
) -> dict[bytes, UserState]:
    try:
        return dict(zip(packed, unpack(list(packed.values()), vocabulary), strict=True))
    except ValueError as error:
        raise Stop(f"partition {partition.number} in Redis: {error}") from error
