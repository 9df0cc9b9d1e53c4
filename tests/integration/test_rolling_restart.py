"""A worker that is restarted under its name, as a StatefulSet does it: nobody else notices."""

from tests.any_redis import any_redis
from tests.stream import Stream, WorkerProcess, eventually

SETTINGS = {"SONGPRINT_KAFKA__SESSION_TIMEOUT_MS": "60000"}  # as deploy/kubernetes has it


def owned(worker: WorkerProcess) -> set[int]:
    partitions = {number for line in worker.logged("partitions assigned") for number in line["partitions"]}
    return partitions - {number for line in worker.logged("partitions revoked") for number in line["partitions"]}


def send_to_everybody(stream: Stream) -> None:
    for number in range(40):  # enough for every partition to have some
        stream.send(f"u{number}", {"type": "snapshot", "songs": ["s1"]})
    stream.flush()


@any_redis
def test_a_restart_under_the_same_name_moves_no_partition(stream: Stream) -> None:
    with stream.worker("songprint-0", **SETTINGS) as first:
        with stream.worker("songprint-1", **SETTINGS) as second:
            eventually(lambda: len(owned(first)) == len(owned(second)) == 2, "two partitions for each")
            send_to_everybody(stream)
            stream.labels(40)
            before, told = owned(second), first.logged("partitions assigned") + first.logged("partitions revoked")
        with stream.worker("songprint-1", **SETTINGS) as again:
            assert owned(again) == before
            send_to_everybody(stream)
            stream.labels(80)
            assert again.metric('songprint_restores_total{kind="none"}') == 2, "its copies in Redis were complete"
        assert first.logged("partitions assigned") + first.logged("partitions revoked") == told
