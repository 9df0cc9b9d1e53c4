"""The worker under other conditions than the usual ones."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from tests.benchmark import restore, scale
from tests.benchmark.contender import Command, Job
from tests.benchmark.model import Model
from tests.benchmark.restore import measure_restore
from tests.benchmark.scale import Point, measure_point, points
from tests.benchmark.steady import Steady


def test_every_condition_that_speed_is_stated_for_is_measured() -> None:
    usual, *others = points(1_000)
    assert (usual.workers, usual.workload.vocabulary, usual.workload.songs) == (1, 16_692, 22)
    assert restore.USERS == 1_000_000
    assert [each.question for each in others] == [
        *("2 workers", "4 workers"),
        *("1,000 songs in the vocabulary", "200,000 songs in the vocabulary", "1,000,000 songs in the vocabulary"),
        *("5 songs a user", "30 songs a user", "300 songs a user"),
        *("10,000 users", "100,000 users", "1,000,000 users", "5,000,000 users"),
    ]


@pytest.fixture
def bench(tmp_path: Path) -> Any:
    return SimpleNamespace(servers=Mock(brokers="broker", redis_url="redis://127.0.0.1:1"), scratch=tmp_path)


def test_as_many_workers_as_the_point_says_begin_from_known_playlists(
    bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known: list[tuple[Job, Steady]] = []
    measured: list[tuple[Job, list[Command], Steady]] = []
    monkeypatch.setattr(scale, "preload", lambda _bench, job, playlists: known.append((job, playlists)))

    def measure_job(_bench: object, _worker: object, job: Job, commands: list[Command], workload: Steady) -> None:
        bench.servers.send.assert_called_once()
        measured.append((job, commands, workload))

    monkeypatch.setattr(scale, "measure_job", measure_job)
    workload = Steady(events=10, users=5)
    measure_point(bench, Point("3 workers", workload, 3), Model(tmp_path, 128, 200), run="7", batch=50)
    ((first, playlists),), ((second, commands, changes),) = known, measured
    assert playlists == changes == workload
    assert (first.events, first.group) == (second.events, second.group)
    assert first.labels != second.labels, "labels of the changes alone are measured"
    assert (first.workers, second.workers) == (3, 3)
    assert len({command.environment["SONGPRINT_KAFKA__INSTANCE"] for command in commands}) == 3


def test_a_restore_is_from_a_redis_that_has_all_and_then_from_one_that_has_nothing(
    bench: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done: list[str] = []
    starts = iter([(2.0, 90.0), (8.0, 120.0)])
    used = iter([{"used_memory": 1_000}, {"used_memory": 4_000}])
    client = Mock(info=lambda _what: next(used), keys=Mock(return_value=["a", "b"]), hlen=Mock(return_value=6))
    client.flushall = lambda: done.append("emptied")
    monkeypatch.setattr(restore.redis.Redis, "from_url", lambda _url: client)
    monkeypatch.setattr(restore, "preload", lambda *_: done.append("known"))

    def start(*_: object) -> tuple[float, float]:
        done.append("started")
        return next(starts)

    monkeypatch.setattr(restore, "_start", start)
    found = measure_restore(bench, Model(tmp_path, 128, 200), run="7", batch=50)
    assert done == ["known", "started", "emptied", "started"]
    assert (found.users, found.warm_seconds, found.cold_seconds, found.megabytes) == (10, 2.0, 8.0, 120.0)
    assert found.redis_bytes == 300
