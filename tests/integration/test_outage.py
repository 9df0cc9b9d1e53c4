"""Redis is away for a while: the worker is unready, never dead, and goes on where it was."""

from pathlib import Path
from urllib.error import HTTPError

from deploy.local.redis import start_redis
from tests.stream import Stream, WorkerProcess, eventually


def status(worker: WorkerProcess, path: str) -> int:
    try:
        worker.get(path)
    except HTTPError as answer:
        return answer.code
    return 200


def test_a_redis_outage_makes_a_worker_unready_and_never_dead(stream: Stream, tmp_path: Path) -> None:
    short = {"SONGPRINT_RETRY__MAX_MS": "500"}
    with (
        start_redis(tmp_path / "own") as server,
        stream.worker(SONGPRINT_REDIS__URL=server.url, **short) as worker,
    ):
        assert (status(worker, "/livez"), status(worker, "/readyz")) == (200, 200)
        stream.send("u", {"type": "change", "add": ["s1"]})
        stream.flush()
        stream.labels(1)
        server.kill()
        stream.send("u", {"type": "change", "add": ["s2"]})
        stream.flush()
        eventually(lambda: worker.metric('songprint_retries_total{part="redis"}') > 2, "it tries again and again")
        assert (status(worker, "/livez"), status(worker, "/readyz")) == (200, 503)
        server.start()
        eventually(worker.ready, "it is ready again")
        stream.send("u", {"type": "change", "add": ["s3"]})
        stream.flush()
        labels = stream.labels(3)
        assert worker.stop() == 0, worker.output()
    assert [record.label["songs"] for record in labels] == [1, 2, 3], "nothing was lost, nothing repeated"
    assert stream.letters(0) == [], "an outage is nobody's fault"
