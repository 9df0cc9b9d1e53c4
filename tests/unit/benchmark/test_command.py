"""The benchmark's command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.benchmark import command, last
from tests.benchmark.command import main
from tests.benchmark.last import read_last, save_last
from tests.benchmark.results import Failure, Results
from tests.unit.benchmark.runs import report, throughput


def test_the_help_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """A lone percent sign makes argparse print its own insides."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "more than 10 % slower" in " ".join(told.split())
    assert "option_strings" not in told


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Results], list[str]]:
    """Has every session find these results; a list that will hold the parts that it was asked for."""
    monkeypatch.setattr(last, "LAST", tmp_path / "last.json")
    monkeypatch.setattr(command, "leave_on_signals", lambda: None)

    def prepare(found: Results) -> list[str]:
        asked: list[str] = []

        class Session:
            def __init__(self, _plan: object, results: Results, _tell: object) -> None:
                results.__dict__.update(found.__dict__)

            def __enter__(self) -> "Session":
                return self

            def __exit__(self, *_: object) -> None:
                pass

        def part(name: str) -> Callable[[object], None]:
            return lambda _session: asked.append(name)

        monkeypatch.setattr(command, "Session", Session)
        monkeypatch.setattr(command, "PARTS", {name: part(name) for name in command.PARTS})
        return asked

    return prepare


def test_what_is_slower_than_the_last_result_is_noticed_even_when_it_replaces_it(
    finds: Callable[[Results], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = throughput("copy", rate=200_000)
    save_last(report(throughputs=[copy, throughput(rate=100_000)]))
    finds(Results([copy, throughput(rate=80_000)]))
    assert main(["--save", "--strict", "--out", str(tmp_path / "result.json")]) == 1
    assert "more than 10 % slower: events/s of the copy's, 128 units" in capsys.readouterr().err
    saved = read_last()
    assert saved is not None
    assert [row.rate.median for row in saved.throughput] == [200_000, 80_000]
    assert main(["--strict", "--out", str(tmp_path / "result.json")]) == 0, "now this is the last result"


def test_a_worker_that_fails_is_no_success(
    finds: Callable[[Results], list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finds(Results(failures=[Failure("songprint", "throughput, 128 units", "it ended by itself")]))
    out = tmp_path / "result.json"
    assert main(["--strict", "--out", str(out)]) == 1
    assert main(["--out", str(out)]) == 0, "it is told, and no more"
    assert capsys.readouterr().err.count("failed: songprint, throughput, 128 units: it ended by itself") == 2
    assert "it ended by itself" in out.with_suffix(".md").read_text()


def test_parts_run_in_the_order_in_which_they_need_each_other(
    finds: Callable[[Results], list[str]], tmp_path: Path
) -> None:
    asked = finds(Results())
    out = ["--out", str(tmp_path / "result.json")]
    assert main(["latency", "throughput", *out]) == 0
    assert asked == ["throughput", "latency"]
    asked.clear()
    assert main(out) == 0
    assert asked == ["throughput", "latency", "scale", "stages"]


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["speed"])
    assert ended.value.code == 2
    assert "there is no part 'speed', only throughput, latency, scale, stages" in capsys.readouterr().err
