"""A new bundle while the worker runs: taken between two batches, users labelled again; a bad one is refused."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.any_redis import any_redis
from tests.small_bundle import export_small_bundle
from tests.stream import PATIENCE, Record, Stream, WorkerProcess, eventually

USERS = 30


@pytest.fixture(scope="session")
def other_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another model of the same songs."""
    return export_small_bundle(tmp_path_factory.mktemp("other") / "bundle", seed=1)


@pytest.fixture
def deployed(stream: Stream, small_bundle: Path, tmp_path: Path) -> Path:
    """The folder that the stream's workers take their bundle from."""
    path = tmp_path / "deployed"
    shutil.copytree(small_bundle, path)
    stream.environment |= {"SONGPRINT_MODEL__BUNDLE": str(path), "SONGPRINT_MODEL__WATCH_INTERVAL_S": "0.2"}
    return path


def deploy(bundle: Path, place: Path) -> None:
    """Puts a copy of `bundle` in `place`, as a whole."""
    fresh, old = place.with_suffix(".new"), place.with_suffix(".old")
    shutil.copytree(bundle, fresh)
    place.rename(old)
    fresh.rename(place)
    shutil.rmtree(old)


def send_users(stream: Stream, song: str = "s1") -> None:
    for number in range(USERS):
        stream.send(f"u{number}", {"type": "change", "add": [song, "s2", "s3"]})
    stream.flush()


def relabels(stream: Stream) -> list[Record]:
    records = [record for record in stream.read_all(stream.topics.labels) if record.value]
    return [record for record in records if record.label["reason"] == "relabel"]


def loaded(worker: WorkerProcess) -> bool:
    return worker.metric('songprint_model_reloads_total{result="loaded"}') == 1


def test_a_new_bundle_is_taken_and_all_users_are_labelled_again(
    stream: Stream, deployed: Path, other_bundle: Path
) -> None:
    with stream.worker() as worker:
        send_users(stream)
        stream.send("u0", None)
        stream.send("u1", {"type": "consent", "labelling": False})
        stream.flush()
        before = stream.labels(USERS + 2)[0].label["model"]
        deploy(other_bundle, deployed)
        eventually(lambda: loaded(worker), "the new bundle is in use")
        eventually(lambda: len(relabels(stream)) >= USERS - 2, "all users are labelled again")
        eventually(lambda: len(worker.logged("partition relabelled")) == 4, "every partition is through")
    again = relabels(stream)
    assert sorted(record.key or b"" for record in again) == sorted(f"u{n}".encode() for n in range(2, USERS))
    assert {record.label["model"] for record in again} != {before}
    assert len({record.label["model"] for record in again}) == 1
    assert all(record.label["songs"] == 3 for record in again)


@any_redis
def test_what_was_relabelled_is_not_relabelled_by_the_next_worker(
    stream: Stream, deployed: Path, other_bundle: Path
) -> None:
    with stream.worker():
        send_users(stream)
        stream.labels(USERS)
    deploy(other_bundle, deployed)
    with stream.worker() as worker:
        eventually(lambda: len(worker.logged("partition relabelled")) == 4, "every partition is through")
    eventually(lambda: len(relabels(stream)) >= USERS, "all users are labelled again")
    assert len(relabels(stream)) == USERS
    for partition in range(4):
        stream.cache.forget(partition)  # the changelog knows it too
    with stream.worker():
        send_users(stream, "s9")
        stream.labels(3 * USERS)
    assert len(relabels(stream)) == USERS


@any_redis
def test_a_bad_bundle_is_refused_and_the_old_one_goes_on(stream: Stream, deployed: Path, other_bundle: Path) -> None:
    with stream.worker() as worker:
        send_users(stream)
        before = stream.labels(USERS)[0].label["model"]
        bad = deployed.with_suffix(".bad")
        shutil.copytree(other_bundle, bad)
        (bad / "encoder.onnx").write_bytes((bad / "encoder.onnx").read_bytes()[:-10])
        deploy(bad, deployed)
        refused = 'songprint_model_reloads_total{result="refused"}'
        eventually(lambda: worker.metric(refused) == 1, "the bad bundle is refused")
        send_users(stream, "s9")
        labels = stream.labels(2 * USERS)
        assert {record.label["model"] for record in labels} == {before}
        assert worker.logged("the new bundle is refused; the model in use goes on")


@any_redis
def test_sighup_looks_at_once(stream: Stream, deployed: Path, other_bundle: Path) -> None:
    stream.environment["SONGPRINT_MODEL__WATCH_INTERVAL_S"] = "0"
    with stream.worker() as worker:
        deploy(other_bundle, deployed)
        worker.process.send_signal(signal.SIGHUP)
        eventually(lambda: loaded(worker), "the new bundle is in use")


@any_redis
def test_relabelling_on_request(stream: Stream) -> None:
    with stream.worker():
        send_users(stream)
        stream.labels(USERS)
        command = [sys.executable, "-m", "worker", "relabel"]
        done = subprocess.run(
            command, env=stream.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == 0, done.stderr
        eventually(lambda: len(relabels(stream)) == USERS, "all users are labelled again")
