"""A partition that this worker owns: how far it is, and the states held in process for it."""

from collections.abc import Iterable, Mapping

from worker.contract.user_state import UserState
from worker.watermark import Watermark

_OVERHEAD = 400  # bytes of Python objects around one state


class HotStates:
    """States of one partition, in two generations: when the young one is full it becomes the old one, and what the old
    one held is forgotten. What is used again moves up, so the least recently used go first, for two look-ups a use.

    Args:
        capacity: about how many bytes may be held.
    """

    def __init__(self, capacity: int) -> None:
        self.young: dict[bytes, UserState | None] = {}
        self._old: dict[bytes, UserState | None] = {}
        self._capacity = capacity
        self._songs_bytes = 0  # of the young one
        self._old_bytes = 0

    def absent(self, users: Iterable[bytes]) -> list[bytes]:
        """Those of `users` that have to be read; all others are in `young` afterwards."""
        absent = []
        for user in users:
            if user in self.young:
                continue
            if user in self._old:
                self.put({user: self._old.pop(user)})
            else:
                absent.append(user)
        return absent

    def put(self, states: Mapping[bytes, UserState | None]) -> None:
        young, songs = self.young, 0
        for user, state in states.items():  # without a call for each: there is one for nearly every event
            before = young.get(user)
            if before is not None:
                songs -= len(before.songs) + len(before.rows)
            if state is not None:
                songs += len(state.songs) + len(state.rows)
            young[user] = state
        self._songs_bytes += songs

    def age(self) -> None:
        """Makes room if the bound is reached. To be called between batches: a batch needs all of its users young."""
        if self._young_bytes > self._capacity // 2:
            self._old, self._old_bytes = self.young, self._young_bytes
            self.young, self._songs_bytes = {}, 0

    def clear(self) -> None:
        self.young, self._old, self._songs_bytes, self._old_bytes = {}, {}, 0, 0

    @property
    def bytes(self) -> int:
        """About how many bytes are held; what moved up from the old generation counts twice until that is forgotten."""
        return self._young_bytes + self._old_bytes

    @property
    def _young_bytes(self) -> int:
        return _OVERHEAD * len(self.young) + self._songs_bytes


class OwnedPartition:
    """One partition from assignment to revocation. It is ready once its copy in the cache is known to be complete."""

    def __init__(self, number: int, hot_capacity: int) -> None:
        self.number = number
        self.hot = HotStates(hot_capacity)
        self.unlabelled = False
        """Whether no user of the partition has a label yet, nor one on its way."""
        self.relabel_wanted = False
        """Whether an operator has asked for fresh labels."""
        self.copy = object()
        """Stands for the copy in the cache; another one after each restore."""
        self._watermark: Watermark | None = None

    @property
    def ready(self) -> bool:
        return self._watermark is not None

    @property
    def watermark(self) -> Watermark:
        """What the cache's watermark must be."""
        assert self._watermark is not None, "a partition has a watermark from its restore on"
        return self._watermark

    def restored(self, watermark: Watermark, *, unlabelled: bool) -> None:
        """The copy is complete under `watermark`; `unlabelled` if no event of the partition was ever processed."""
        self._watermark = watermark
        self.copy = object()
        self.unlabelled = unlabelled

    def advance(self, watermark: Watermark) -> None:
        """A batch is committed."""
        self._watermark = watermark

    def distrust(self) -> None:
        """Forget everything held in process: the partition has to be restored before its next event."""
        self._watermark = None
        self.hot.clear()
