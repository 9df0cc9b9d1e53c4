"""The benchmark's command line."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.benchmark import command, last, own
from tests.benchmark.command import main
from tests.benchmark.last import read_last, save_last
from tests.benchmark.report import Report
from tests.benchmark.results import Failure, Results
from tests.benchmark.session import Plan
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
    monkeypatch.setattr(last, "PAGE", tmp_path / "measured.md")
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
    told = capsys.readouterr()
    assert told.err.count("failed: songprint, throughput, 128 units: it ended by itself") == 2
    assert "- songprint, throughput, 128 units: it ended by itself\n" in out.with_suffix(".md").read_text()
    assert told.out.count(out.with_suffix(".md").read_text().partition("\n")[2]) == 2, "the tables, but for the time"


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


def test_what_was_measured_until_an_interruption_is_not_lost(
    finds: Callable[[Results], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finds(Results([throughput(rate=80_000)]))

    def interrupted(_session: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(command.PARTS, "latency", interrupted)
    out = tmp_path / "result.json"
    assert main(["throughput", "latency", "--save", "--out", str(out)]) == 130
    assert msgspec.json.decode(out.read_bytes(), type=Report).throughput[0].rate.median == 80_000
    assert "80,000" in out.with_suffix(".md").read_text()
    assert read_last() is None, "half a session is no last result"


def test_what_is_measured_unless_one_chooses_less() -> None:
    plan = command._plan(command._parser().parse_args([]))
    assert [each.name for each in plan.contenders] == [
        *("copy", "songprint", "streams-batched", "streams", "streams-2", "quix", "bytewax", "faust", "handwritten")
    ]
    assert (plan.units, plan.batches, plan.events, plan.repeat) == ([128, 256, 500], [20_000], 1_000_000, 3)
    assert (plan.rates, plan.seconds, plan.quiet_seconds) == ([100, 1_000, 10_000], 20, 30)


def test_whoever_chooses_gets_what_was_chosen() -> None:
    chosen = ["--contenders", "songprint,copy", "--units", "8,16", "--batch", "5,6", "--events", "9", "--repeat", "2"]
    chosen += ["--rate", "7", "--seconds", "1.5", "--quiet", "0"]
    plan = command._plan(command._parser().parse_args(chosen))
    assert plan == Plan([own.WORKER, own.COPY], [8, 16], [5, 6], 9, 2, [7], 1.5, 0)


def test_an_unknown_part_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["speed"])
    assert ended.value.code == 2
    assert "there is no part 'speed', only throughput, latency, scale, stages" in capsys.readouterr().err
