"""The job itself, without any I/O: events and states in, labels and new states out.

A batch is worked through in chunks. While the models run on one chunk in a second thread (they leave the interpreter
alone meanwhile), the next chunk is folded and the labels of the last one are written.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from worker.adapters.ports import Headers, OutputRecord, Records
from worker.columns import picked, times
from worker.contract.event import Event, decode_all
from worker.contract.features import Features, build_features
from worker.contract.user_label import Abstention, LabelWriter, Verdicts, judge
from worker.contract.user_state import AGREES, UserState, fold
from worker.contract.vocabulary import KEY_BYTES, SongIndex, Vocabulary
from worker.errors import Reason, Reject
from worker.poison import User, fails_on, find_poisoned, poisoned_events, run_on_survivors

States = Mapping[int, Mapping[bytes, UserState | None]]
"""Partition → user's key → state; None where nothing is known of the user."""
Changes = dict[int, dict[bytes, UserState | None]]
"""The same, of the users that a batch has changed."""
Scores = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Gender [B, 2] and cluster [B, K] probabilities."""


class Model(Protocol):
    """What the pipeline needs of a loaded bundle."""

    @property
    def version(self) -> str: ...

    @property
    def load_seconds(self) -> float: ...

    @property
    def genders(self) -> Sequence[str]: ...

    @property
    def cluster_names(self) -> Sequence[str]: ...

    @property
    def abstention(self) -> Abstention: ...

    @property
    def vocabulary(self) -> Vocabulary: ...

    def run(self, features: Features) -> Scores: ...


class Policy(NamedTuple):
    max_songs: int
    max_event_bytes: int
    labelling_default: bool
    chunk_events: int


class Poisoned(Exception):
    """The models fail on the events at these indexes of the batch, whatever stands beside them."""

    def __init__(self, indexes: Sequence[int], cause: Exception) -> None:
        super().__init__(f"inference failed on {len(indexes)} events: {cause}")
        self.indexes = indexes
        self.cause = cause


class Decoded(NamedTuple):
    """A batch's events as parallel columns; where an event is a Reject, its user may be empty."""

    users: list[str]
    events: list[Event | Reject]

    def poison(self, problem: Poisoned) -> None:
        for index in problem.indexes:
            self.events[index] = Reject(Reason.INFERENCE, f"the models fail on this playlist: {problem.cause}")


class Rejected(NamedTuple):
    record: int
    """Index into the batch."""
    reject: Reject


class Outputs(NamedTuple):
    """What one chunk yields, in the order of its events."""

    records: list[OutputRecord]
    rejected: list[Rejected]
    verdicts: Verdicts
    songs: NDArray[np.integer]
    """How many songs each labelled playlist has, parallel to the verdicts."""
    known_songs: NDArray[np.integer]
    """How many of them the model knows."""


_NONE = np.zeros(0, np.int32)
NO_OUTPUTS = Outputs([], [], Verdicts(_NONE, _NONE, _NONE, _NONE), _NONE, _NONE)


class Relabelled(NamedTuple):
    """Fresh labels of some users."""

    records: list[OutputRecord]
    failed: list[bytes]
    """Users whom the models fail on: what was said of them last stays."""


class _Chunk(NamedTuple):
    labelled: list[int]
    states: list[UserState]
    tombstones: list[tuple[int, str]]
    rejected: list[Rejected]
    features: Features
    scores: Future[Scores] | None


class Pipeline:
    """Labels batches with one model."""

    def __init__(self, model: Model, policy: Policy) -> None:
        self.model = model
        self._policy = policy
        self._songs = SongIndex(model.vocabulary)
        self._writer = LabelWriter(model.genders, model.cluster_names, model.version)
        self._inference = ThreadPoolExecutor(1, "inference")

    def close(self) -> None:
        self._inference.shutdown()

    def decode(self, records: Records) -> Decoded:
        """Users and events of a batch; whatever is wrong with a record becomes a Reject in its place."""
        return Decoded(*decode_all(records.keys, records.values, self._policy.max_event_bytes))

    def process(
        self,
        records: Records,
        decoded: Decoded,
        before: States,
        changed: Changes,
    ) -> Iterator[Outputs]:
        """Folds and labels a batch, chunk by chunk. Raises Poisoned after the last one if the models failed on some.

        Args:
            before: the states of all users of the batch.
            changed: has an empty dict for every partition of the batch; filled with the states after the batch.
        """
        first: dict[User, int] = {}
        cause: Exception | None = None
        for chunk in self._folded(records, decoded, before, changed):
            try:
                scores = None if chunk.scores is None else chunk.scores.result()
            except Exception as error:
                # The other chunks are looked through as well: to begin anew for each would take as many passes.
                cause = error
                rows = [state.rows for state in chunk.states]
                for row in find_poisoned(self.model.run, rows, self.model.version, error):
                    index = chunk.labelled[row]
                    first.setdefault((records.partitions[index], records.keys[index]), index)
            else:
                yield self._write(chunk, scores, records, decoded)
        if cause is not None:
            raise Poisoned(self._poisoned(first, records, decoded, before), cause) from cause

    def _folded(self, records: Records, decoded: Decoded, before: States, changed: Changes) -> Iterator[_Chunk]:
        """The batch's chunks. The models run on each of them while the next one is folded."""
        running: _Chunk | None = None
        for start in range(0, len(records), self._policy.chunk_events):
            stop = min(start + self._policy.chunk_events, len(records))
            chunk = self._fold(range(start, stop), records, decoded, before, changed)
            if running:
                yield running
            running = chunk
        if running:
            yield running

    def relabel(self, partition: int, users: Mapping[bytes, UserState], at: bytes) -> Relabelled:
        """Labels of users as their states stand, at the time `at` (a JSON string); those who object have none."""
        default = self._policy.labelling_default
        some = {key: state for key, state in users.items() if state.may_be_labelled(default)}
        if not some:
            return Relabelled([], [])
        playlists = [state.rows for state in some.values()]
        survivors = run_on_survivors(self.model.run, playlists, self.model.version)
        keys, states = list(some), list(some.values())
        fine = [(keys[index], states[index]) for index in survivors.indexes]
        labels = self._writer.write(
            judge(*survivors.answer, survivors.features.song_counts, self.model.abstention),
            users=[key.decode() for key, _ in fine],
            songs=[state.song_count for _, state in fine],
            known=[state.known_count for _, state in fine],
            partitions=[partition] * len(fine),
            offsets=[state.offset for _, state in fine],
            times=[at] * len(fine),
            reason=b"relabel",
        )
        records: list[OutputRecord] = [(key, label, None) for (key, _), label in zip(fine, labels, strict=True)]
        return Relabelled(records, sorted(some.keys() - {key for key, _ in fine}))

    def _fold(
        self,
        indexes: range,
        records: Records,
        decoded: Decoded,
        before: States,
        changed: Changes,
    ) -> _Chunk:
        labelled: list[int] = []
        states: list[UserState] = []
        tombstones: list[tuple[int, str]] = []
        rejected: list[Rejected] = []
        songs, max_songs, default = self._songs, self._policy.max_songs, self._policy.labelling_default
        part = slice(indexes.start, indexes.stop)
        columns = zip(
            indexes,
            decoded.events[part],
            records.keys[part],
            records.partitions[part],
            records.offsets[part],
            strict=True,
        )
        for index, event, key, partition, offset in columns:
            if type(event) is Reject or key is None:
                rejected.append(Rejected(index, event))  # type: ignore[arg-type]  # without a key there is no event
                continue
            fresh = changed[partition]
            state = fresh[key] if key in fresh else before[partition][key]
            try:
                state = fold(state, event, offset, songs, max_songs)  # type: ignore[arg-type]  # it is no Reject
            except Reject as reject:
                rejected.append(Rejected(index, reject))
                continue
            fresh[key] = state
            if state is None:
                tombstones.append((index, "erased"))
            elif not (state.flags & AGREES if state.flags else default):
                tombstones.append((index, "objecting"))
            else:
                labelled.append(index)
                states.append(state)
        features = build_features([state.rows for state in states])
        scores = self._inference.submit(self.model.run, features) if labelled else None
        return _Chunk(labelled, states, tombstones, rejected, features, scores)

    def _write(self, chunk: _Chunk, scores: Scores | None, records: Records, decoded: Decoded) -> Outputs:
        if scores is None:
            outputs = NO_OUTPUTS._replace(rejected=chunk.rejected)
        else:
            verdicts = judge(*scores, chunk.features.song_counts, self.model.abstention)
            outputs = self._labels(chunk, verdicts, records, decoded)
        return outputs._replace(records=_in_order(chunk, outputs.records, records)) if chunk.tombstones else outputs

    def _labels(self, chunk: _Chunk, verdicts: Verdicts, records: Records, decoded: Decoded) -> Outputs:
        songs = np.array([len(state.songs) for state in chunk.states]) // KEY_BYTES
        known = chunk.features.song_counts.astype(np.int64)
        labels = self._writer.write(
            verdicts,
            users=picked(decoded.users, chunk.labelled),
            songs=songs.tolist(),
            known=known.tolist(),
            partitions=picked(records.partitions, chunk.labelled),
            offsets=picked(records.offsets, chunk.labelled),
            times=times(picked(decoded.events, chunk.labelled), picked(records.timestamps, chunk.labelled)),
        )
        written = [(key, label, None) for key, label in zip(picked(records.keys, chunk.labelled), labels, strict=True)]
        return Outputs(written, chunk.rejected, verdicts, songs, known)  # type: ignore[arg-type]  # they have keys

    def _poisoned(self, first: Mapping[User, int], records: Records, decoded: Decoded, before: States) -> Sequence[int]:
        def folded(state: UserState | None, event: Event, offset: int) -> UserState | None:
            return fold(state, event, offset, self._songs, self._policy.max_songs)

        def fails(state: UserState) -> bool:
            return state.may_be_labelled(self._policy.labelling_default) and fails_on(self.model.run, [state.rows])

        return poisoned_events(first, records, decoded.events, before, folded, fails)


def _in_order(chunk: _Chunk, labels: list[OutputRecord], records: Records) -> list[OutputRecord]:
    """Labels and tombstones in the order of their events, so that a user's last word stays the last."""
    indexed = list(zip(chunk.labelled, labels, strict=True))
    for index, reason in chunk.tombstones:
        source: Headers = [
            ("songprint.source.partition", b"%d" % records.partitions[index]),
            ("songprint.source.offset", b"%d" % records.offsets[index]),
            ("songprint.reason", reason.encode()),
        ]
        indexed.append((index, (records.keys[index] or b"", None, source)))
    indexed.sort(key=lambda pair: pair[0])
    return [record for _, record in indexed]
