"""The local stack: real servers that answer, keep their word when killed, and leave nothing behind."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from deploy.local.errors import LocalStackError
from deploy.local.ports import LOOPBACK
from deploy.local.probe import kafka_nodes, redis_answers
from deploy.local.redis import start_redis
from deploy.local.stack import KAFKA_VARIABLE, REDIS_VARIABLE, LocalStack

REPOSITORY = Path(__file__).parents[2]
DEADLINE_SECONDS = 60.0

linux_only = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")


def living(session: int) -> list[int]:
    """Processes of a session, less those that are dead and only wait to be reaped."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it ended while we looked
            continue
        if int(its_session) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {DEADLINE_SECONDS:.0f} s"
        time.sleep(0.02)


@linux_only
def test_a_stack_answers_and_leaves_no_process_and_no_file() -> None:
    with LocalStack(environ={}) as stack:
        sessions = [process.session or 0 for process in stack.processes]
        assert [len(living(session)) for session in sessions] == [2, 2], "a server and its guard each"
        wait_until(lambda: kafka_nodes(stack.bootstrap_servers) == {1}, "an answer of Kafka")
        with Redis.from_url(stack.redis_url) as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("appendonly") == {"appendonly": "no"}
    assert [living(session) for session in sessions] == [[], []]
    assert not stack.folder.exists()


PARENT = """
import json, signal, sys, time
from deploy.local.stack import LocalStack

brokers, way = int(sys.argv[1]), sys.argv[2]
with LocalStack(brokers=brokers, environ={}) as stack:
    print(json.dumps([process.session for process in stack.processes]), flush=True)
    if way == "raise":
        raise RuntimeError("on purpose")
    if way == "suspend":
        stack.redis.process.signal(signal.SIGSTOP)
    while way in ("wait", "suspend"):
        time.sleep(1)
"""


def environment(**changes: str) -> dict[str, str]:
    """This process's variables, less those that name servers."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SONGPRINT_")} | changes


@contextmanager
def started(*arguments: str, temporary: Path) -> Iterator[subprocess.Popen[str]]:
    """Python in a process of its own that puts its temporary files into `temporary`."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env=environment(TMPDIR=str(temporary)),
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@linux_only
def test_no_process_and_no_file_outlives_a_block_that_ends_well(tmp_path: Path) -> None:
    with started("-c", PARENT, "0", "return", temporary=tmp_path) as parent:
        sessions = json.loads(next_line(parent))
        _, errors = parent.communicate()
    assert parent.returncode == 0, errors
    assert [living(session) for session in sessions] == [[]]
    assert list(tmp_path.iterdir()) == []


@linux_only
def test_only_logs_outlive_a_block_that_raises(tmp_path: Path) -> None:
    with started("-c", PARENT, "0", "raise", temporary=tmp_path) as parent:
        sessions = json.loads(next_line(parent))
        parent.communicate()
    assert parent.returncode == 1
    assert [living(session) for session in sessions] == [[]]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["valkey.log"]


@linux_only
@pytest.mark.parametrize(
    ("brokers", "way", "number"),
    [
        ("0", "wait", signal.SIGINT),
        ("0", "wait", signal.SIGTERM),
        ("0", "wait", signal.SIGKILL),
        ("0", "suspend", signal.SIGKILL),
        ("1", "wait", signal.SIGKILL),
    ],
)
def test_no_process_outlives_a_parent_that_is_signalled(
    brokers: str, way: str, number: signal.Signals, tmp_path: Path
) -> None:
    with started("-c", PARENT, brokers, way, temporary=tmp_path) as parent:
        sessions = json.loads(next_line(parent))
        assert len(sessions) == 1 + int(brokers)
        assert all(living(session) for session in sessions)
        parent.send_signal(number)
        parent.communicate()
    assert parent.returncode != 0
    wait_until(lambda: not any(living(session) for session in sessions), "the end of the servers")


@linux_only
def test_no_server_outlives_a_guard_that_is_killed(tmp_path: Path) -> None:
    """By whoever kills all that is Python, the process that started it among them: no one else could end it then."""
    with start_redis(tmp_path) as server:
        guard = server.process.session or 0
        assert len(living(guard)) == 2
        os.kill(guard, signal.SIGKILL)
        wait_until(lambda: not living(guard), "the end of the server")


def refuses(port: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex((LOOPBACK, int(port))) != 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_prints_variables_and_ends_well_on_a_signal(number: signal.Signals, tmp_path: Path) -> None:
    with started("-m", "deploy.local", temporary=tmp_path) as command:
        servers = next_line(command).rstrip().removeprefix(f"export {KAFKA_VARIABLE}=")
        url = next_line(command).rstrip().removeprefix(f"export {REDIS_VARIABLE}=")
        logs = Path(next_line(command).split()[2])
        wait_until(lambda: kafka_nodes(servers) == {1}, "an answer of Kafka")
        wait_until(lambda: redis_answers(url), "an answer of Redis")
        assert (logs / "kafka-1.log").stat().st_size > 0
        command.send_signal(number)
        _, errors = command.communicate()
    assert command.returncode == 0, errors
    assert refuses(servers.rpartition(":")[2])
    assert refuses(url.removesuffix("/0").rpartition(":")[2])
    assert list(tmp_path.iterdir()) == []


def run_command(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.local", *arguments]
    env = environment(**changes)
    return subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, env=env, timeout=60, check=False)


@pytest.mark.parametrize("arguments", [["--brokers", "0"], ["--redis", "memcached"], ["--heap", "big"], ["extra"]])
def test_the_command_refuses_wrong_usage_with_status_2(arguments: list[str]) -> None:
    done = run_command(*arguments)
    assert done.returncode == 2
    assert arguments[-1] in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_says_what_is_missing_with_status_1() -> None:
    done = run_command("--redis", "redis", PATH="/nonexistent")
    assert done.returncode == 1
    assert "no redis-server on the PATH" in done.stderr
    assert "Traceback" not in done.stderr


def test_servers_named_by_the_environment_are_used_and_left_alone(kafka: str, redis_url: str) -> None:
    with LocalStack(environ={KAFKA_VARIABLE: kafka, REDIS_VARIABLE: redis_url}) as stack:
        assert stack.processes == ()
        assert stack.environment == {KAFKA_VARIABLE: kafka, REDIS_VARIABLE: redis_url}
    wait_until(lambda: bool(kafka_nodes(kafka)), "an answer of Kafka")
    wait_until(lambda: redis_answers(redis_url), "an answer of Redis")


@pytest.mark.parametrize(
    ("variable", "value"), [(KAFKA_VARIABLE, f"{LOOPBACK}:1"), (REDIS_VARIABLE, f"redis://{LOOPBACK}:1/0")]
)
def test_a_server_named_by_the_environment_that_is_away_is_an_error(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.stack.GIVEN_SECONDS", 1.0)
    stack = LocalStack(redis_implementation="valkey" if variable == REDIS_VARIABLE else None, environ={variable: value})
    with pytest.raises(LocalStackError, match=f"{variable}={value} does not answer"), stack:
        pass
    assert not stack.folder.exists()


def test_a_redis_that_wants_a_password_is_used_all_the_same(tmp_path: Path) -> None:
    """Which is a setting of its own, and goes to the worker."""
    with start_redis(tmp_path, config={"requirepass": "secret"}) as server:
        environ = {REDIS_VARIABLE: server.url, "SONGPRINT_REDIS__PASSWORD": "secret"}
        with LocalStack(brokers=0, environ=environ) as stack:
            assert stack.processes == ()
            assert stack.redis_url == server.url


@pytest.mark.parametrize("variable", [KAFKA_VARIABLE, REDIS_VARIABLE])
def test_a_wrong_setting_beside_a_given_server_is_named(variable: str) -> None:
    value = f"{LOOPBACK}:1" if variable == KAFKA_VARIABLE else f"redis://{LOOPBACK}:1/0"
    stack = LocalStack(environ={variable: value, "SONGPRINT_KAFKA__SECURITY_PROTOCOL": "tls"})
    with pytest.raises(LocalStackError, match="SECURITY_PROTOCOL"), stack:
        pass


def test_a_password_in_an_address_is_refused_and_not_told() -> None:
    stack = LocalStack(brokers=0, environ={REDIS_VARIABLE: f"redis://:secret@{LOOPBACK}:1/0"})
    with pytest.raises(LocalStackError, match="password are settings of their own") as caught, stack:
        pass
    assert "secret" not in str(caught.value)


def test_logs_outlive_a_server_that_died() -> None:
    said: list[str] = []
    stack = LocalStack(brokers=0, environ={}, report=said.append)
    try:
        with stack:
            with Redis.from_url(stack.redis_url) as client:
                client.shutdown(nosave=True)
            with pytest.raises(LocalStackError, match=str(stack.logs / "valkey.log")):
                stack.processes[0].wait_until(lambda: False, DEADLINE_SECONDS)
        assert str(stack.logs) in said[-1]
        assert [path.name for path in stack.folder.rglob("*.*")] == ["valkey.log"]
    finally:
        shutil.rmtree(stack.folder)


def test_the_log_of_a_server_that_does_not_start_is_where_the_error_says() -> None:
    stack = LocalStack(redis_implementation=None, heap="1k", environ={})
    try:
        with pytest.raises(LocalStackError) as caught, stack:
            pass
        log = stack.logs / "kafka-1.log"
        assert str(log) in str(caught.value)
        assert "heap" in log.read_text()
    finally:
        shutil.rmtree(stack.folder, ignore_errors=True)
