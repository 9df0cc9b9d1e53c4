"""docs/upgrading.md: workers of two releases in one group, the way there and back, and states that one cannot read."""

from tests.any_redis import any_redis
from tests.integration.test_recovery import ROUNDS, USERS, check_each_event_once, check_redis_is_complete, send_rounds
from tests.stream import PATIENCE, Stream, eventually

OTHER = ("-m", "tests.other_release")
PARTITIONS = 4


@any_redis
def test_two_releases_share_a_group_and_either_may_go_on_alone(stream: Stream) -> None:
    with stream.worker("a") as this:
        with stream.worker("b", OTHER) as other:
            eventually(lambda: other.metric("songprint_ready_partitions") == 2, "two partitions for each")
            send_rounds(stream, 0, 2)
            stream.labels(2 * USERS)
        eventually(lambda: this.metric("songprint_ready_partitions") == PARTITIONS, "the one that stays has all")
        send_rounds(stream, 2, 3)
        stream.labels(3 * USERS)
    with stream.worker("a", OTHER) as upgraded:
        assert upgraded.metric('songprint_restores_total{kind="full"}') == PARTITIONS, "it believes no other's"
        send_rounds(stream, 3, 4)
        stream.labels(4 * USERS)
    with stream.worker("a") as back:
        assert back.metric('songprint_restores_total{kind="full"}') == PARTITIONS
        send_rounds(stream, 4, ROUNDS)
        check_each_event_once(stream.labels(ROUNDS * USERS), ROUNDS)
        check_redis_is_complete(stream)


@any_redis
def test_a_state_of_the_next_format_stops_this_release_which_harms_nothing(stream: Stream) -> None:
    with stream.worker("a", OTHER, STATE_FORMAT="2"):
        send_rounds(stream, 0, 1)
        stream.labels(USERS)
    send_rounds(stream, 1, 2)
    older = stream.start("a")
    try:
        assert older.process.wait(PATIENCE) == 1
    finally:
        older.end()
    assert "format version 2; this worker reads version 1: upgrade the worker" in older.output()
    with stream.worker("a", OTHER, STATE_FORMAT="2"):
        check_each_event_once(stream.labels(2 * USERS), 2)
