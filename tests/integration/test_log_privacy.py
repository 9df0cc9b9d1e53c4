"""What a worker at level info never says of anybody, whatever happens to it and to the users."""

import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest
from redis import Redis

from deploy.local.redis import RedisServer, start_redis
from tests.integration.own_settings import own_settings
from tests.stream import Stream, WorkerProcess, eventually

CANARY = "canary-Xy7"
PASSWORD = f"{CANARY}-password"
PARTITIONS = 2
EVENTS: list[tuple[str | bytes | None, object]] = [
    (f"{CANARY}-known", {"type": "snapshot", "songs": ["s1", "s2", "s3"]}),
    (f"{CANARY}-unsure", {"type": "change", "add": [f"{CANARY}-song"]}),
    (f"{CANARY}-objecting", {"type": "consent", "labelling": False}),
    (f"{CANARY}-erased", {"type": "snapshot", "songs": ["s1"]}),
    (f"{CANARY}-erased", None),
]
LETTERS: list[tuple[str | bytes | None, object]] = [
    (f"{CANARY}-known", f"{CANARY}-value".encode()),
    (f"{CANARY}-known", {"type": f"{CANARY}-type"}),
    (f"{CANARY}-known", {"type": "change", "user": f"{CANARY}-other"}),
    (f"{CANARY}-known", {"type": "change", "add": [CANARY * 100]}),
    (f"{CANARY}-known", {"type": "snapshot", "songs": [f"{CANARY}-{number}" for number in range(10_001)]}),
    (f"{CANARY}-key" * 100, {"type": "change"}),
    (CANARY.encode() + b"\xff", {"type": "change"}),
    (None, f"{CANARY}-nobody".encode()),
]
SAID = ("partitions assigned", "stepping back", "partition restored", "partition relabelled", "stopped")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with start_redis(tmp_path / "cache") as running:
        yield running


@pytest.fixture
def stream(kafka: str, server: RedisServer, topic_prefix: str, small_bundle: Path, tmp_path: Path) -> Stream:
    own = {"SONGPRINT_REDIS__PASSWORD": PASSWORD, "SONGPRINT_REDIS__TIMEOUT_S": "0.5", "SONGPRINT_RETRY__MAX_MS": "500"}
    made = Stream(own_settings(topic_prefix, kafka, server.url, small_bundle) | own, tmp_path)
    made.create_topics(PARTITIONS)
    return made


def send(stream: Stream) -> None:
    for user, event in [*EVENTS, *LETTERS]:
        stream.send(user, event)
    stream.flush()


def served(worker: WorkerProcess) -> str:
    """All pages of the worker's port, those that say no as well."""
    pages = []
    for path in ("/", "/livez", "/readyz", "/metrics"):
        try:
            pages.append(worker.get(path))
        except HTTPError as no:
            pages.append(no.read().decode())
    return "\n".join(pages)


def test_no_user_no_song_and_no_secret_is_logged_or_served(stream: Stream, server: RedisServer) -> None:
    """Events and dead letters of every kind, an outage with retries, a restore, a relabelling and a stop."""
    with Redis.from_url(server.url) as operator, stream.worker(SONGPRINT_LOG__LEVEL="info") as worker:
        operator.config_set("requirepass", PASSWORD)
        send(stream)
        labels = stream.labels(len(EVENTS))
        stream.letters(len(LETTERS))

        operator.flushall()
        server.process.signal(signal.SIGSTOP)
        send(stream)
        eventually(lambda: worker.metric('songprint_retries_total{part="redis"}') > 0, "it steps back")
        eventually(lambda: not worker.ready(), "it says so")
        told = served(worker)
        server.process.signal(signal.SIGCONT)
        stream.labels(2 * len(EVENTS))
        stream.letters(2 * len(LETTERS))
        eventually(lambda: worker.metric("songprint_restored_records_total") > 0, "states are restored")
        eventually(worker.ready, "it is ready again")

        for partition in range(PARTITIONS):
            stream.cache.request_relabel(partition, wanted=True)
        eventually(lambda: len(worker.logged("partition relabelled")) == PARTITIONS, "all are relabelled")
        told += served(worker)
        assert worker.stop() == 0
        output = worker.output()

    genders = {record.label["gender"]["label"] for record in labels if record.value}
    assert None in genders, "an abstention is among the labels"
    assert {record.headers.get("songprint.reason") for record in labels} == {None, b"objecting", b"erased"}
    assert all(worker.logged(message) for message in SAID), output
    assert CANARY not in output, "a user, a song or a secret was logged"
    assert 'songprint_rejects_total{reason="user_mismatch"} ' in told
    assert "not ready" in told, "while it steps back"
    assert CANARY not in told, "a user, a song or a secret was served to whoever asks"
