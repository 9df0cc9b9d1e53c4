"""What `worker check` says of the process's own memory, log and patience."""

from itertools import islice
from pathlib import Path

import pytest

from worker.checks.examine import examine
from worker.checks.process import check_log, check_memory, check_waiting, memory_limit
from worker.observe.health import STALLED_SECONDS
from worker.settings import Http, Log, Policy, Redis, Settings

MIB = 1 << 20
ALERTS = Path(__file__).parents[3] / "deploy" / "prometheus" / "rules" / "alerts.yml"


@pytest.mark.parametrize(
    ("text", "limit"), [("max\n", None), ("1073741824\n", 1 << 30), ("9223372036854771712\n", None), (None, None)]
)
def test_the_containers_limit(tmp_path: Path, text: str | None, limit: int | None) -> None:
    file = tmp_path / "memory.max"
    if text is not None:
        file.write_text(text)
    assert memory_limit((tmp_path / "absent", file)) == limit


@pytest.mark.parametrize(("limit", "status"), [(512 * MIB, ["ok"]), (511 * MIB, ["problem"]), (None, [])])
def test_states_leave_room_for_the_rest(limit: int | None, status: list[str]) -> None:
    found = list(check_memory(Policy(max_hot_bytes=256 * MIB), limit))
    assert [finding.status for finding in found] == status
    assert all("SONGPRINT_POLICY__MAX_HOT_BYTES" in finding.mend for finding in found if finding.status == "problem")


def test_a_log_that_tells_users_is_told() -> None:
    (found,) = check_log(Log(level="debug"))
    assert (found.status, found.part) == ("note", "log")
    assert "SONGPRINT_LOG__LEVEL" in found.mend


@pytest.mark.parametrize(("seconds", "status"), [(2, []), (29.9, []), (30, ["note"]), (60, ["note"])])
def test_waits_for_redis_after_which_the_worker_counts_as_hanging_are_told(seconds: float, status: list[str]) -> None:
    found = list(check_waiting(Redis(timeout_s=seconds)))
    assert [finding.status for finding in found] == status
    assert all("SONGPRINT_REDIS__TIMEOUT_S" in finding.mend for finding in found)
    assert f"songprint_loop_silence_seconds > {STALLED_SECONDS:g}" in ALERTS.read_text()


def test_all_of_it_is_looked_at_before_any_server_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.checks.examine.memory_limit", lambda: MIB)
    settings = Settings(http=Http(port=0), log=Log(level="debug"), redis=Redis(timeout_s=60))
    found = [(finding.part, finding.status) for finding in islice(examine(settings), 5)]
    assert found == [("settings", "ok"), ("memory", "problem"), ("http", "note"), ("log", "note"), ("redis", "note")]
