"""The committed last result, and how a new one takes its place."""

import re
from pathlib import Path

import pytest

from tests.benchmark import last
from tests.benchmark.last import read_last, save_last
from tests.benchmark.report import ThroughputRow
from tests.benchmark.results import Failure
from tests.benchmark.sizing import measured_cost, size_for
from tests.benchmark.stages import HALVED
from tests.benchmark.statistics import Spread
from tests.unit.benchmark.runs import latency, report, throughput

ROOT = Path(__file__).parents[3]
README = ROOT / "README.md"
CALLED = {
    "raw transactional copy, no work at all": "copy",
    "**the worker**": "songprint",
    "Kafka Streams with micro-batches by an internal interface": "streams-batched",
    "Kafka Streams, event by event": "streams",
    "Kafka Streams, event by event, 2 threads": "streams-2",
    "Quix Streams": "quix",
    "Bytewax (at least once)": "bytewax",
    "Faust (at least once)": "faust",
    "the loop that is usually written by hand (at least once)": "handwritten",
}
"""Contenders by what the README calls them."""
RATIOS = {
    "of the copy": ("copy", "rate", 100, 0),
    "times Quix Streams": ("quix", "rate", 1, 1),
    "times Bytewax": ("bytewax", "rate", 1, 1),
    "times Faust": ("faust", "rate", 1, 0),
    "times the loop by hand": ("handwritten", "rate", 1, 0),
    "of it": ("streams-batched", "warm_rate", 1, 2),
}
"""What the README makes of the rates, by the words after it: beside whom, which rate, times what, how many digits."""
STEPS = {"models": "models, as the worker runs them", "pack": "pack states", "write to Redis": "write states to Redis"}
PLAIN = {"models": (f"models merged into one, {HALVED} at once", f"models with a table of float16, {HALVED} at once")}
STEPS |= {"produce": "produce and wait for delivery"}
"""Steps by what DESIGN.md calls them, where that is another name."""


def tables_of_speed() -> list[list[list[str]]]:
    """The cells of the README's tables of speed, table after table, without their heads."""
    _, _, after = README.read_text().partition("\n## Speed\n")
    section, _, _ = after.partition("\n## ")
    tables = re.findall(r"(?:^\|.*\n)+", section, re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in table.splitlines()[2:]]
        for table in tables
    ]


def numbers(cell: str) -> list[float]:
    return [float(number.replace(",", "")) for number in re.findall(r"[\d,]+(?:\.\d+)?", cell)]


def rounded(figure: Spread, digits: int) -> list[float]:
    return [float(f"{value:.{digits}f}") for value in figure[:3]]


@pytest.mark.parametrize(("table", "units"), [(0, 128), (1, 500)])
def test_the_readmes_rates_are_those_of_the_committed_result(table: int, units: int) -> None:
    committed = read_last()
    assert committed is not None
    rows: dict[str, ThroughputRow] = {row.contender: row for row in committed.throughput if row.units == units}
    told = tables_of_speed()[table]
    assert {CALLED[row[0]] for row in told} == set(rows)
    for name, rate, warm, cpu in told:
        row = rows[CALLED[name]]
        for cell, figure, digits in ((rate, row.rate, 0), (warm, row.warm_rate, 0), (cpu, row.cpu, 1)):
            assert numbers(cell) == rounded(figure, digits)[: len(numbers(cell))], f"{name}: {cell}"


@pytest.mark.parametrize(("words", "ratio"), RATIOS.items(), ids=RATIOS)
def test_what_the_readme_makes_of_the_rates_is_what_they_make(words: str, ratio: tuple[str, str, float, int]) -> None:
    committed = read_last()
    assert committed is not None
    other, field, times, digits = ratio
    rates = {(row.contender, row.units): getattr(row, field).median for row in committed.throughput}
    made = {round(times * rates["songprint", units] / rates[other, units], digits) for units in (128, 500)}
    _, _, section = README.read_text().partition("\n## Speed\n")
    (told,) = re.findall(rf"((?:[\d.]+(?: %)?(?: and | to )?)+) {words}\b", " ".join(section.split()))
    assert {float(number) for number in re.findall(r"[\d.]+", told)} == made


def test_the_designs_steps_are_those_of_the_committed_result() -> None:
    committed = read_last()
    assert committed is not None
    measured = {stages.units: stages.microseconds for stages in committed.stages}[128]
    (table,) = re.findall(r"^\| decode \|.*\n\|[-|]+\n\|.*$", (ROOT / "DESIGN.md").read_text(), re.MULTILINE)
    names, _, figures = ([cell.strip() for cell in line.strip("| ").split("|")] for line in table.splitlines())
    assert {name: float(figure) for name, figure in zip(names, figures, strict=True)} == {
        name: round(measured[STEPS.get(name, name)].median, 2) for name in names
    }


def test_the_models_get_about_as_many_playlists_at_once_as_is_cheapest() -> None:
    committed = read_last()
    assert committed is not None
    for stages in committed.stages:
        cost = {name: each.median for name, each in stages.microseconds.items() if name.startswith("models merged")}
        assert stages.microseconds["models, as the worker runs them"].median < 1.15 * min(cost.values())


def test_the_readmes_latency_is_that_of_the_committed_result() -> None:
    committed = read_last()
    assert committed is not None
    rows = {(row.contender, row.tuning): row for row in committed.latency if (row.rate, row.share) == (1_000, 0)}
    told = tables_of_speed()[2]
    assert {CALLED[row[0]] for row in told} == {"copy", "songprint", "streams-batched", "quix"}
    for name, tuning, *cells in told:
        row = rows[CALLED[name], tuning]
        for cell, figure in zip(cells, (row.p50, row.p99, row.p999), strict=True):
            assert numbers(cell) == rounded(figure, 1)[: len(numbers(cell))], f"{name} {tuning}: {cell}"


def test_the_readmes_other_conditions_are_those_of_the_committed_result() -> None:
    committed = read_last()
    assert committed is not None
    told = {name: cells for name, *cells in tables_of_speed()[3]}
    assert told.keys() == committed.scale.keys()
    for name, (rate, cpu, megabytes) in told.items():
        row = committed.scale[name]
        for cell, figure, digits in ((rate, row.rate, 0), (cpu, row.cpu, 1), (megabytes, row.megabytes, 0)):
            assert numbers(cell) == rounded(figure, digits)[:1], f"{name}: {cell}"


def test_the_readmes_sizes_follow_from_the_committed_result() -> None:
    committed = read_last()
    assert committed is not None
    cost = measured_cost(committed)
    assert cost is not None
    for rate, *cells in tables_of_speed()[4]:
        size = size_for(int(numbers(rate)[0]), cost)
        made = (size.partitions, size.pods, round(size.worker_cores, 2), round(size.redis_gb, 2))
        assert tuple(numbers(cell)[0] for cell in cells) == made, rate


def test_the_designs_comparison_with_the_plain_way_is_that_of_the_committed_result() -> None:
    committed = read_last()
    assert committed is not None
    measured = {stages.units: stages.microseconds for stages in committed.stages}[128]
    (table,) = re.findall(r"^\| step \|.*\n\|[-|]+\n((?:\|.*\n)+)", (ROOT / "DESIGN.md").read_text(), re.MULTILINE)
    for line in table.splitlines():
        name, _, own, plain = (cell.strip() for cell in line.strip("| ").split("|"))
        ours, plainly = PLAIN.get(name, (name, f"{name}, plainly"))
        assert (float(own), float(plain)) == (round(measured[ours].median, 2), round(measured[plainly].median, 2))


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "last.json"
    monkeypatch.setattr(last, "LAST", path)
    monkeypatch.setattr(last, "PAGE", tmp_path / "measured.md")
    return path


def test_the_page_shows_the_committed_result() -> None:
    committed = read_last()
    assert committed is not None
    assert last.PAGE.read_text() == last.page(committed)


def test_what_failed_is_told_until_its_part_is_measured_again(kept: Path) -> None:
    slow = Failure("quix", "latency at 10,000 events/s, 128 units, set as documented", "too slow")
    save_last(report(throughputs=[throughput()], latencies=[latency()], failures=[slow]))
    save_last(report(throughputs=[throughput()], failures=[Failure("copy", "throughput, 128 units", "it ended")]))
    saved = read_last()
    assert saved is not None
    assert [each.contender for each in saved.failures] == ["quix", "copy"]
    save_last(report(latencies=[latency()]))
    saved = read_last()
    assert saved is not None
    assert [each.contender for each in saved.failures] == ["copy"]


def test_what_is_saved_is_shown(kept: Path) -> None:
    save_last(report(throughputs=[throughput(rate=1_000)]))
    save_last(report(latencies=[latency(p99=12.0)]))
    shown = kept.with_name("measured.md").read_text()
    assert "| the songprint | exactly once | 1,000 (1,000 to 1,000) |" in shown, "of the session before"
    assert "12.0 (12.0 to 12.0)" in shown


def test_there_may_be_no_last_result(kept: Path) -> None:
    assert read_last() is None
    save_last(report(throughputs=[throughput(rate=1_000)]))
    saved = read_last()
    assert saved is not None
    assert saved.throughput[0].rate.median == 1_000


def test_a_part_that_was_not_measured_stays_as_it_was(kept: Path) -> None:
    save_last(report(throughputs=[throughput(rate=1_000)], latencies=[latency(p99=18.0)]))
    save_last(report(latencies=[latency(p99=12.0), latency("quix", p99=60.0)]))
    saved = read_last()
    assert saved is not None
    assert [row.rate.median for row in saved.throughput] == [1_000]
    assert [row.p99.median for row in saved.latency] == [12.0, 60.0]


def test_a_part_that_was_measured_is_replaced_as_a_whole(kept: Path) -> None:
    """A ratio of two sessions says nothing."""
    save_last(report(throughputs=[throughput("copy"), throughput()]))
    save_last(report(throughputs=[throughput(rate=5.0)]))
    saved = read_last()
    assert saved is not None
    assert [(row.contender, row.rate.median) for row in saved.throughput] == [("songprint", 5.0)]
