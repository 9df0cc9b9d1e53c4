"""What becomes of the partitions of a worker that lives, but whose loop hangs."""

from tests.any_redis import any_redis
from tests.integration.test_recovery import (
    FAULTY,
    ROUNDS,
    USERS,
    check_each_event_once,
    check_redis_is_complete,
    send_rounds,
)
from tests.stream import Stream, WorkerProcess, eventually

POLL_SECONDS = 12
"""Longer than the session, which is 6 s, and what the others take to notice its end."""
HANGS_FOR = 40
"""Seconds; the others have its partitions well before."""
OPTIONS = {"SONGPRINT_KAFKA__CONSUMER_OPTIONS": f'{{"max.poll.interval.ms": "{POLL_SECONDS * 1000}"}}'}


def ready_partitions(worker: WorkerProcess) -> int:
    return int(worker.metric("songprint_ready_partitions"))


@any_redis
def test_kafka_gives_them_away_once_it_has_not_polled_for_too_long_and_it_joins_again(stream: Stream) -> None:
    fault = f"sink.commit:before:2:{HANGS_FOR}"
    with (
        stream.worker("a", **OPTIONS) as other,
        stream.worker("b", command=FAULTY, FAULT=fault, **OPTIONS) as hanging,
    ):
        eventually(lambda: ready_partitions(other) == ready_partitions(hanging) == 2, "two partitions for each")
        send_rounds(stream, 0, 1)
        stream.labels(USERS)
        send_rounds(stream, 1, ROUNDS)
        eventually(lambda: ready_partitions(other) == 4, "the other one has all four")
        silence = hanging.metric("songprint_loop_silence_seconds")
        assert silence > POLL_SECONDS, "heartbeats kept them until then"
        records = stream.labels(USERS * ROUNDS)
        eventually(lambda: ready_partitions(other) == ready_partitions(hanging) == 2, "both share them again")
    check_each_event_once(records, ROUNDS)
    check_redis_is_complete(stream)
