"""What sources, sinks and changelogs do together: one suite, run on the fakes and on a real Kafka."""

import pytest

from tests.adapters.logs import KafkaLog, Log, MemoryLog, collect, own, poll
from tests.stream import eventually
from worker.adapters.ports import NO_OFFSET, Changelog, Committed, DeadLetter, Headers, Sink, Source, StateChange
from worker.errors import Retry

LABEL = (b"u", b'{"user":"u"}', None)
SOURCE: Headers = [("songprint.source.partition", b"0"), ("songprint.source.offset", b"7")]
LETTER = DeadLetter(None, b"\xff", [("trace", b"1")], [("songprint.reason", b"not_json")], 2_000)


class LogSuite:
    """The tests; a subclass says with its fixture `log` what they run on."""

    def test_new_partitions_are_told_and_give_nothing_before_they_are_resumed(self, log: Log) -> None:
        log.send(0, b"a", b"b")
        source = log.source()
        owner = own(source)
        assert owner.told == [("assigned", [0, 1])]
        assert source.poll(100, 0.3) is None
        source.resume(1, 0)
        assert source.poll(100, 0.3) is None, "only what was resumed is delivered"
        source.resume(0, 0)
        assert collect(source, 2) == [(0, 0), (0, 1)]

    def test_records_come_as_they_were_sent(self, log: Log) -> None:
        log.send(0, b"a", None, b"\xff", b"", headers=[("trace", b"1"), ("trace", b"2"), ("empty", None)])
        source = log.source()
        own(source)
        source.resume(0, 0)
        records = poll(source)
        assert records.ends() == {0: 4}
        assert len(records) == 4
        assert list(records.values) == [b"a", None, b"\xff", b""]
        assert list(records.keys) == [b"u"] * 4
        assert list(records.partitions) == [0] * 4
        assert list(records.offsets) == [0, 1, 2, 3]
        assert list(records.timestamps) == [1_000] * 4
        assert records.headers(3) == [("trace", b"1"), ("trace", b"2"), ("empty", None)]

    def test_partitions_are_each_read_in_order(self, log: Log) -> None:
        for number in range(30):
            log.send(number % 2, b"%d" % number)
        source = log.source()
        own(source)
        source.resume(0, 0)
        source.resume(1, 10)
        places = collect(source, 20)
        assert [place for place in places if place[0] == 0] == [(0, offset) for offset in range(15)]
        assert [place for place in places if place[0] == 1] == [(1, offset) for offset in range(10, 15)]

    def test_a_poll_gives_no_more_than_its_limit(self, log: Log) -> None:
        log.send(0, *[b"x"] * 10)
        source = log.source()
        own(source)
        source.resume(0, 0)
        offsets: list[int] = []
        for limit in (1, 3, 2):
            records = poll(source, limit)
            assert 1 <= len(records) <= limit
            offsets += records.offsets
        assert offsets == list(range(len(offsets))), "and what is beyond the limit comes next"

    def test_a_rewound_partition_is_read_again_and_the_others_go_on(self, log: Log) -> None:
        log.send(0, *[b"x"] * 20)
        log.send(1, *[b"x"] * 5)
        source = log.source()
        own(source)
        source.resume(0, 0)
        assert len(poll(source, 5)) <= 5, "more is fetched already"
        source.pause([0])
        source.resume(0, 2)
        source.resume(1, 0)
        places = collect(source, 23)
        assert sorted(places) == [*((0, offset) for offset in range(2, 20)), *((1, offset) for offset in range(5))]

    def test_a_paused_partition_gives_nothing_although_it_was_fetched(self, log: Log) -> None:
        log.send(0, *[b"x"] * 20)
        source = log.source()
        own(source)
        source.resume(0, 0)
        poll(source, 1)
        source.pause([0, 1])
        assert source.poll(100, 0.3) is None
        source.resume(0, 20)
        log.send(0, b"next")
        assert collect(source, 1) == [(0, 20)]

    def test_bounds_are_the_first_offset_and_the_one_after_the_last(self, log: Log) -> None:
        log.send(0, b"a", b"b", b"c")
        source = log.source()
        assert source.bounds(0) == (0, 3)
        assert source.bounds(1) == (0, 0)

    def test_lag_goes_down_to_zero(self, log: Log) -> None:
        log.send(0, b"a", b"b", b"c")
        source = log.source()
        own(source)
        source.resume(0, 0)
        source.resume(1, 0)
        collect(source, 3)
        eventually(lambda: source.poll(1, 0.05) or source.lag() == {0: 0, 1: 0}, "nothing is left to do")
        source.pause([0])
        source.resume(0, 1)
        log.send(1, b"d")
        assert sorted(collect(source, 3)) == [(0, 1), (0, 2), (1, 0)]

    def test_closing_gives_the_partitions_back(self, log: Log) -> None:
        source = log.source()
        owner = own(source)
        source.close()
        assert owner.told[1:] == [("revoked", [0, 1])]

    def test_a_group_that_has_committed_nothing_says_so(self, log: Log) -> None:
        source = log.source()
        own(source)
        assert committed(source) == {0: NO_OFFSET, 1: NO_OFFSET}

    def test_a_transaction_is_seen_as_a_whole(self, log: Log) -> None:
        log.send(0, b"a", b"b")
        source, sink, changelog = log.source(), log.sink(), log.changelog()
        own(source)
        source.resume(0, 0)
        collect(source, 2)
        sink.open()
        sink.begin()
        sink.publish([LABEL, (b"v", None, SOURCE)])
        sink.bury(LETTER)
        assert (log.labels(), log.letters(), states(changelog, 0)) == ([], [], [])
        assert committed(source) == {0: NO_OFFSET, 1: NO_OFFSET}

        sink.commit({0: {b"u": b"state", b"v": None}, 1: {b"w": b"other"}}, {0: 2}, source.member())
        assert sorted(log.labels(2)) == [(b"u", b'{"user":"u"}', {}), (b"v", None, dict(SOURCE))]
        assert log.letters(1) == [(None, b"\xff", {"trace": b"1", "songprint.reason": b"not_json"})]
        assert states(changelog, 0) == [StateChange(b"u", b"state"), StateChange(b"v", None)]
        assert states(changelog, 1) == [StateChange(b"w", b"other")]
        assert committed(source) == {0: 2, 1: NO_OFFSET}

    def test_an_aborted_transaction_is_never_seen_and_the_next_goes_through(self, log: Log) -> None:
        log.send(0, b"a")
        source, sink, changelog = log.source(), log.sink(), log.changelog()
        own(source)
        sink.open()
        sink.begin()
        sink.publish([(b"u", b"aborted", None)] * 3)
        sink.bury(LETTER)
        sink.recover()
        assert (log.labels(), log.letters(), states(changelog, 0)) == ([], [], [])
        assert committed(source)[0] == NO_OFFSET

        sink.begin()
        sink.publish([LABEL])
        sink.commit({0: {b"u": b"state"}}, {0: 1}, source.member())
        assert log.labels(1) == [(b"u", b'{"user":"u"}', {})]
        assert log.letters() == []
        assert states(changelog, 0) == [StateChange(b"u", b"state")]
        assert committed(source)[0] == 1

    def test_a_commit_tells_where_the_changelog_goes_on(self, log: Log) -> None:
        source, sink, changelog = log.source(), log.sink(), log.changelog()
        own(source)
        sink.open()
        first = transact(sink, source, {0: {b"u": b"1", b"v": b"1"}, 1: {b"w": b"1"}})
        second = transact(sink, source, {0: {b"u": b"2"}, 1: {}})
        third = transact(sink, source, {0: {b"u": b"3", b"x": None}})
        assert set(first) == {0, 1}
        assert set(second) == {0}, "a partition without states has no place to tell"
        assert states(changelog, 0, first[0]) == [
            StateChange(b"u", b"2"),
            StateChange(b"u", b"3"),
            StateChange(b"x", None),
        ]
        assert states(changelog, 0, second[0]) == [StateChange(b"u", b"3"), StateChange(b"x", None)]
        assert states(changelog, 0, third[0]) == []
        assert states(changelog, 1, first[1]) == []

    def test_what_is_committed_tells_how_far_the_changelog_reaches(self, log: Log) -> None:
        source, sink = log.source(), log.sink()
        own(source)
        sink.open()
        reached = transact(sink, source, {0: {b"u": b"1", b"v": b"1"}})
        assert source.committed(0, 10.0) == Committed(1, reached[0])
        sink.begin()
        sink.commit({}, {0: 2}, source.member(), reached)
        assert source.committed(0, 10.0) == Committed(2, reached[0])

    def test_nothing_to_say_can_be_committed(self, log: Log) -> None:
        log.send(1, b"a")
        source, sink = log.source(), log.sink()
        own(source)
        sink.open()
        sink.begin()
        assert sink.commit({}, {1: 1}, source.member()) == {}
        assert committed(source) == {0: NO_OFFSET, 1: 1}

    def test_a_changelog_ends_where_everything_was_read(self, log: Log) -> None:
        source, sink, changelog = log.source(), log.sink(), log.changelog()
        own(source)
        assert (changelog.start(0), changelog.end(0)) == (0, 0)
        sink.open()
        expected = []
        for number in range(3):
            transact(sink, source, {0: {b"u": b"%d" % number}})
            expected.append(StateChange(b"u", b"%d" % number))
        end = changelog.end(0)
        assert end >= 3
        assert states(changelog, 0) == expected
        assert changelog.position() >= end, (
            "at least: the last transaction's marker may have arrived after the question"
        )
        assert (changelog.start(0), changelog.start(1), changelog.end(1)) == (0, 0, 0)

    def test_a_changelog_gives_no_more_than_its_limit(self, log: Log) -> None:
        source, sink, changelog = log.source(), log.sink(), log.changelog()
        own(source)
        sink.open()
        transact(sink, source, {0: {b"%d" % number: b"s" for number in range(10)}})
        for limit in (1, 3):
            changelog.seek(0, 0)
            found: list[StateChange] = []
            while changelog.position() < changelog.end(0):
                some = changelog.read(limit, 1.0)
                assert len(some) <= limit
                found += some
            assert [change.key for change in found] == [b"%d" % number for number in range(10)]

    def test_a_changelog_that_is_sought_elsewhere_drops_what_it_was_reading(self, log: Log) -> None:
        source, sink, changelog = log.source(), log.sink(), log.changelog()
        own(source)
        sink.open()
        transact(sink, source, {0: {b"%d" % number: b"0" for number in range(100)}, 1: {b"v": b"1"}})
        changelog.seek(0, 0)
        eventually(lambda: changelog.read(1, 1.0), "something is read")
        assert states(changelog, 1) == [StateChange(b"v", b"1")]
        assert states(changelog, 0, 98) == [StateChange(b"98", b"0"), StateChange(b"99", b"0")]

    def test_a_new_sink_fences_the_one_before_it(self, log: Log) -> None:
        source, old, new = log.source(), log.sink(), log.sink()
        own(source)
        old.open()
        old.begin()
        old.publish([(b"u", b"from the old one", None)])
        new.open()
        with pytest.raises(Retry) as caught:
            old.commit({0: {b"u": b"old"}}, {0: 1}, source.member())
        assert caught.value.part == "kafka"
        assert log.labels() == []
        transact(new, source, {0: {b"u": b"new"}})
        assert states(log.changelog(), 0) == [StateChange(b"u", b"new")]

    def test_a_fenced_sink_recovers_and_fences_in_its_turn(self, log: Log) -> None:
        source, old, new = log.source(), log.sink(), log.sink()
        own(source)
        old.open()
        new.open()
        with pytest.raises(Retry):
            transact(old, source, {0: {b"u": b"old"}})
        old.recover()
        transact(old, source, {0: {b"u": b"again"}})
        with pytest.raises(Retry):
            transact(new, source, {0: {b"u": b"new"}})
        assert states(log.changelog(), 0) == [StateChange(b"u", b"again")]

    def test_a_transaction_that_its_owner_left_open_is_ended_by_the_next(self, log: Log) -> None:
        source, killed, successor = log.source(), log.sink(), log.sink()
        own(source)
        killed.open()
        killed.begin()
        killed.publish([(b"u", b"never", None)])
        successor.open()
        transact(successor, source, {0: {b"u": b"1"}})
        assert log.labels() == []
        assert states(log.changelog(), 0) == [StateChange(b"u", b"1")]

    def test_a_sink_has_to_be_opened_before_it_commits(self, log: Log) -> None:
        source, sink = log.source(), log.sink()
        with pytest.raises(Retry):
            transact(sink, source, {0: {b"u": b"1"}})
        sink.recover()
        transact(sink, source, {0: {b"u": b"1"}})


def committed(source: Source) -> dict[int, int]:
    found = {partition: source.committed(partition, 10.0) for partition in (0, 1)}
    return {partition: each.offset for partition, each in found.items() if each is not None}


def states(changelog: Changelog, partition: int, start: int = 0) -> list[StateChange]:
    """What a restore reads from `start` to the end."""
    end = changelog.end(partition)
    changelog.seek(partition, start)
    found: list[StateChange] = []

    def at_the_end() -> bool:
        if changelog.position() < end:
            found.extend(changelog.read(1_000, 0.5))
        return changelog.position() >= end

    eventually(at_the_end, f"the changelog is read up to {end}")
    return found


def transact(sink: Sink, source: Source, changed: dict[int, dict[bytes, bytes | None]]) -> dict[int, int]:
    sink.begin()
    return dict(sink.commit(changed, {0: 1}, source.member()))


class TestMemory(LogSuite):
    @pytest.fixture
    def log(self) -> Log:
        return MemoryLog()


class TestKafka(LogSuite):
    @pytest.fixture
    def log(self, kafka_log: KafkaLog) -> Log:
        return kafka_log
