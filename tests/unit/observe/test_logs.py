"""Logs as people and machines read them, and what must never stand in them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from worker.observe.logs import PERSONAL, configure
from worker.settings import load_settings

CANARY = "canary-51ce"
log = logging.getLogger("worker.test")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_one_json_object_a_line() -> None:
    out = io.StringIO()
    configure("info", "auto", out)
    log.info("restored %d", 3, extra={"partition": 3, "kind": "tail", "path": "Größe"})
    log.warning("second")

    first, second = map(json.loads, out.getvalue().splitlines())
    assert first.pop("time").endswith("Z")
    assert first == {
        "level": "info",
        "logger": "worker.test",
        "message": "restored 3",
        "partition": 3,
        "kind": "tail",
        "path": "Größe",
    }
    assert second["level"] == "warning"


def test_text_on_a_terminal() -> None:
    out = Terminal()
    configure("info", "auto", out)
    log.info("stepping back", extra={"seconds": 0.5, "cause": "no answer", "empty": ""})
    assert out.getvalue().endswith(' INFO    stepping back seconds=0.5 cause="no answer" empty=""\n')


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_defect_keeps_its_traceback(form: str) -> None:
    out = io.StringIO()
    configure("info", form, out)  # type: ignore[arg-type]
    try:
        raise ZeroDivisionError("by zero")
    except ZeroDivisionError:
        log.exception("a defect")
    assert "Traceback" in out.getvalue()
    assert "ZeroDivisionError: by zero" in out.getvalue()
    if form == "json":
        assert len(out.getvalue().splitlines()) == 1


def test_the_level_is_the_least_one_logged() -> None:
    out = io.StringIO()
    configure("warning", "text", out)
    log.info("quiet")
    log.warning("loud")
    assert "quiet" not in out.getvalue()
    assert "loud" in out.getvalue()


def test_configuring_again_replaces_what_was_there() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure("info", "text", first)
    configure("info", "text", second)
    log.info("once")
    assert (first.getvalue(), second.getvalue().count("once")) == ("", 1)


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING, logging.ERROR])
def test_users_and_songs_are_for_debug_alone(form: str, level: int) -> None:
    out = io.StringIO()
    configure("debug", form, out)  # type: ignore[arg-type]
    extras = dict.fromkeys(PERSONAL, CANARY)
    log.log(level, "seen", extra={**extras, "partition": 1})
    assert CANARY not in out.getvalue()
    assert "partition" in out.getvalue()
    log.debug("seen", extra=extras)
    assert out.getvalue().count(CANARY) == len(PERSONAL)


def test_whatever_users_and_songs_are_called_is_personal() -> None:
    one = {"user", "user_id", "song", "song_id", "key", "value", "playlist"}
    assert one | {"users", "songs", "song_ids", "keys", "values"} == PERSONAL


@pytest.mark.parametrize("form", ["json", "text"])
def test_secrets_never(form: str) -> None:
    out = io.StringIO()
    configure("debug", form, out)  # type: ignore[arg-type]
    settings = load_settings(None, {"redis.password": CANARY, "kafka.options": {"ssl.key.pem": CANARY}}, {})
    log.debug("starting", extra={"settings": settings, "secret": SecretStr(CANARY)})
    log.debug("starting with %s", settings)
    assert "startup_timeout_s" in out.getvalue()
    assert CANARY not in out.getvalue()
