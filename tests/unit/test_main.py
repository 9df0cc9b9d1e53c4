"""The command line: what it lists, what it refuses, and which exit status says what."""

import subprocess
import sys
import types
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from importlib.util import find_spec

import pytest

import worker.__main__
from worker.__main__ import main
from worker.commands import COMMANDS, WITHOUT_SETTINGS
from worker.contract.rejection import Reason, Reject
from worker.errors import Retry, Stop

PRESENT = [name for name in COMMANDS if find_spec(f"worker.commands.{name}")]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Namespace], int]], None]:
    """Puts a function in the place of what `topics` does."""

    def replace(run: Callable[[Namespace], int]) -> None:
        module = types.ModuleType("topics")
        module.HELP = "What it does."  # type: ignore[attr-defined]
        module.add_arguments = lambda parser: parser.add_argument("--many", type=int)  # type: ignore[attr-defined]
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setattr(worker.__main__, "import_module", lambda _: module)

    return replace


def test_gives_the_command_its_arguments_and_returns_its_status(command: Callable[..., None]) -> None:
    command(lambda arguments: arguments.many)
    assert main(["topics", "--many", "0"]) == 0
    assert main(["topics", "--many", "1", "--config", "x.toml"]) == 1


@pytest.mark.parametrize(
    "problem",
    [
        Stop("it is broken: mend it"),
        Reject(Reason.INVALID, "it is broken: mend it"),
        Retry("it is broken: mend it", "redis"),
    ],
)
def test_a_known_failure_is_one_message(
    command: Callable[..., None], capsys: pytest.CaptureFixture[str], problem: Exception
) -> None:
    def fail(_: Namespace) -> int:
        raise problem

    command(fail)
    assert main(["topics"]) == 1
    assert capsys.readouterr() == ("", "error: it is broken: mend it\n")


def test_ctrl_c_has_the_shells_status(command: Callable[..., None], capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(_: Namespace) -> int:
        raise KeyboardInterrupt

    command(interrupt)
    assert main(["topics"]) == 130
    assert capsys.readouterr().err == ""


def test_a_defect_keeps_its_traceback(command: Callable[..., None]) -> None:
    command(lambda _: {}["absent"])
    with pytest.raises(KeyError):
        main(["topics"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "COMMAND"),
        (["runn"], "invalid choice: 'runn'"),
        (["--configg"], "COMMAND"),
        (["topics", "--confg", "x"], "unrecognized arguments: --confg"),
        (["topics", "--conf", "x"], "unrecognized arguments: --conf"),
        (["topics", "--config"], "expected one argument"),
        (["topics", "--partitions", "many"], "invalid int value: 'many'"),
    ],
)
def test_wrong_usage_is_told_without_a_traceback(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(words)
    assert exit_.value.code == 2
    assert said in capsys.readouterr().err


def test_wrong_settings_are_a_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SONGPRINT_KAFKA__GRUP", "x")
    assert main(["topics"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "did you mean SONGPRINT_KAFKA__GROUP?" in error


def test_help_lists_every_command_that_is_there_without_importing_one() -> None:
    code = "import sys, worker.__main__ as m\ntry: m.main(['--help'])\nfinally: print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    listed, modules = done.stdout.rsplit("\n[", 1)
    for name, summary in COMMANDS.items():
        assert (f"{name} " in listed and summary.split(",")[0] in listed) == (name in PRESENT), name
    for heavy in ("numpy", "confluent_kafka", "redis", "pydantic", "onnxruntime", "worker.commands.run"):
        assert f"'{heavy}'" not in modules


@pytest.mark.parametrize("name", PRESENT)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([name, "--help"])
    assert exit_.value.code == 0
    text = capsys.readouterr().out
    assert ("--config FILE" in text) == (name not in WITHOUT_SETTINGS)
    module = __import__(f"worker.commands.{name}", fromlist=["HELP"])
    assert " ".join(module.HELP.split()) in " ".join(text.split())
    module.add_arguments(ArgumentParser())
