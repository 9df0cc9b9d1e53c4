"""Rules and alerts: valid, each alert tested both ways and explained in the runbooks, no metric that does not exist."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from tests.deploy.programs import needed
from tests.unit.observe.test_metrics import Model
from worker.observe.metrics import Metrics

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "prometheus"
RULES = sorted((FOLDER / "rules").glob("*.yml"))
ALERT_TESTS = FOLDER / "tests" / "alerts.yml"
RECORDING_TESTS = FOLDER / "tests" / "recording.yml"
RUNBOOKS = ROOT / "docs" / "runbooks.md"


def rules(kind: str) -> list[dict[str, Any]]:
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if kind in rule]


def promtool(*arguments: str | Path) -> None:
    command = [needed("promtool", "prometheus"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_and_configuration_are_valid() -> None:
    promtool("check", "rules", *RULES)
    promtool("check", "config", FOLDER / "prometheus.yml")


def test_what_is_recorded_is_what_its_name_says() -> None:
    promtool("test", "rules", RECORDING_TESTS)
    (group,) = yaml.safe_load(RECORDING_TESTS.read_text())["tests"]
    asked = {name for test in group["promql_expr_test"] for name in re.findall(r"\w+:\w+:\w+", test["expr"])}
    assert asked == {rule["record"] for rule in rules("record")}


def test_what_is_recorded_is_of_the_minutes_that_its_name_says_and_never_old() -> None:
    for rule in rules("record"):
        said = re.findall(r"rate(\d\w+)$", rule["record"])
        assert set(re.findall(r"\[(\w+)\]", rule["expr"])) == set(said), rule["record"]
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    assert {group["name"]: group.get("interval") for group in groups} == {
        "songprint-recording": "30s",  # alerts that read what is recorded are looked at about as often
        "songprint-alerts": None,
    }


def test_alerts_fire_when_they_should_and_not_otherwise() -> None:
    promtool("test", "rules", ALERT_TESTS)


def test_every_alert_is_tested_at_the_minute_before_it_fires_and_at_the_next_one() -> None:
    """So a wait that is shorter or longer fails its test."""
    fires: dict[str, set[int]] = {}
    silent: dict[str, set[int]] = {}
    for group in yaml.safe_load(ALERT_TESTS.read_text())["tests"]:
        for test in group["promql_expr_test"]:
            (alert,) = re.findall(r'alertname="(\w+)"', test["expr"])
            (fires if test["exp_samples"] else silent).setdefault(alert, set()).add(minutes(test["eval_time"]))
    assert set(fires) == set(silent) == {rule["alert"] for rule in rules("alert")}
    assert {alert for alert in fires if min(fires[alert]) - 1 not in silent[alert]} == set()


def minutes(text: str) -> int:
    number, unit = int(text[:-1]), text[-1]
    return number * {"m": 1, "h": 60}[unit]


def test_the_runbooks_say_when_an_alert_fires_and_whom_it_wakes() -> None:
    table = re.findall(r"^\| \[(\w+)\]\(#\w+\) \| ([^|]+) \| (\w+) \|", RUNBOOKS.read_text(), re.MULTILINE)
    unit = {"m": "min", "h": "h"}
    assert table == [
        (
            rule["alert"],
            f"{rule['for'][:-1]} {unit[rule['for'][-1]]}" if "for" in rule else "at once",
            rule["labels"]["severity"],
        )
        for rule in rules("alert")
    ]


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: rule["alert"])
def test_an_alert_says_what_it_means_and_leads_to_its_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert anchor == rule["alert"].lower()
    sections = re.split(r"^## ", (ROOT / page).read_text(), flags=re.MULTILINE)[1:]
    by_name = {section.partition("\n")[0].strip(): section for section in sections}
    runbook = by_name[rule["alert"]]
    parts = re.fullmatch(r".*\*\*Means\.\*\*(.+)\*\*Confirm\.\*\*(.+)\*\*Do\.\*\*(.+)", runbook, re.DOTALL)
    assert parts is not None, runbook
    assert all(len(part.split()) >= 5 for part in parts.groups()), runbook


FIGURES = [
    ("SongprintDown", "for 2m", "has not reached it for 2 minutes", "for 2 minutes"),
    ("SongprintAbsent", "for 5m", "", ""),
    ("SongprintRestarts", "[15m]) > 2", "in 15 minutes", "more than twice in a quarter of an hour"),
    ("SongprintHangs", "> 60 for 1m", "", "has not polled for over a minute"),
    ("SongprintNotProgressing", "[5m])) > 0 for 5m", "committed in 5 minutes", "committed for 5 minutes"),
    ("SongprintLagGrowing", "> 10000 and", "", "over 10,000 wait"),
    ("SongprintLagGrowing", "for 15m", "grown for a quarter of an hour", "For a quarter of an hour"),
    ("SongprintSlow", ":p99_rate5m > 5", "One label in a hundred", "One label in a hundred is committed more than 5 s"),
    ("SongprintDeadLetters", "> 0.01", "", "More than one event in a hundred"),
    ("SongprintInferenceFails", "[1h]", "in an hour", ""),
    ("SongprintAborts", "[15m])) > 5", "in 15 minutes", "more than 5 transactions in a quarter of an hour"),
    ("SongprintRestoreSlow", "for 10m", "stood still for 10 minutes", "restored for 10 minutes"),
    ("SongprintRedisMissing", "[2m]", "in 2 minutes", ""),
    ("SongprintKafkaMissing", "[2m]", "in 2 minutes", ""),
    ("SongprintLabelDrift", "> 0.25 and", "", "population stability index is above 0.25"),
    ("SongprintLabelDrift", "for 1h", "", "For an hour"),
    ("SongprintInputDrift", "> 0.25 and", "", ""),
    ("SongprintInputDrift", "for 1h", "", "For an hour"),
    ("SongprintModelsDiffer", "> 1 for 30m", "for half an hour", "For half an hour"),
    ("SongprintModelRefused", "> 0", "", ""),
    ("SongprintModelOutOfDate", "> 180 * 86400", "", "over 180 days ago"),
]
"""Alert, a figure of its rule, and in which words its description and its runbook's first part tell it, if they do."""


@pytest.mark.parametrize(("alert", "figure", "told", "meant"), FIGURES)
def test_alerts_and_runbooks_tell_the_figures_of_the_rules(alert: str, figure: str, told: str, meant: str) -> None:
    (rule,) = (rule for rule in rules("alert") if rule["alert"] == alert)
    assert re.search(rf"{re.escape(figure)}(?![\d.])", f"{rule['expr']} for {rule.get('for', '0s')}")
    assert told in rule["annotations"]["description"]
    section = RUNBOOKS.read_text().partition(f"\n## {alert}\n")[2].partition("**Confirm.**")[0]
    assert meant in " ".join(section.split())


def test_every_alert_has_its_figures_looked_at() -> None:
    assert {alert for alert, *_ in FIGURES} == {rule["alert"] for rule in rules("alert")}


def series_of_a_worker() -> set[str]:
    registry = CollectorRegistry()
    Metrics(registry).model(Model(), 1, 1)
    families = list(registry.collect())
    suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}
    return {family.name + suffix for family in families for suffix in suffixes.get(family.type, [""])}


def test_rules_name_only_metrics_that_there_are() -> None:
    recorded = {rule["record"] for rule in rules("record")}
    known = series_of_a_worker()
    for rule in rules("expr"):
        used = set(re.findall(r"(?<![:\w])(?:songprint|process)_\w+", rule["expr"]))
        assert used <= known, f"{rule['expr']} names {used - known}"
        assert set(re.findall(r"\b[a-z_]+:songprint_\w+:\w+", rule["expr"])) <= recorded
