"""What the pages say is there: links, anchors, commands, options, settings, metrics, topics' settings."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from worker.adapters.kafka_sink import Topics
from worker.adapters.kafka_topics import DAY_MS, plan
from worker.configuration import setting_fields, variable
from worker.observe.metrics import Metrics
from worker.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"python -m ((?:worker|training|export|deploy|tests)[\w.]*)((?: [^\n`;|&]+)?)")


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        path, _, anchor = target.partition("#")
        found = page.parent / path if path else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@cache
def help_of(module: str, command: str) -> str:
    words = [sys.executable, "-m", module, *([command] if command else []), "--help"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"python -m {module} {command}: {done.stderr}"
    return done.stdout


COMMANDS = sorted(
    {
        (match[1], " ".join(match[2].split()))
        for page in PAGES
        for match in COMMAND.finditer(page.read_text())
        if match[1] in {"worker", "training", "export"}
    }
)


@pytest.mark.parametrize(("module", "arguments"), COMMANDS, ids=" ".join)
def test_commands_and_their_options_exist(module: str, arguments: str) -> None:
    words = arguments.split()
    command = words[0] if module != "export" and words and not words[0].startswith("-") else ""
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"{option}\b", help_of(module, command)), f"python -m {module} {command} has no {option}"
    assert help_of(module, command)


def test_modules_exist() -> None:
    for page in PAGES:
        for module, _ in COMMAND.findall(page.read_text()):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module


def test_settings_that_are_named_exist() -> None:
    known = {variable(name) for name, _ in setting_fields(Settings)} | {"SONGPRINT_CONFIG"}
    for page in PAGES:
        named = set(re.findall(r"SONGPRINT_[A-Z_]*[A-Z]", page.read_text()))
        groups = {name for name in named if any(each.startswith(f"{name}__") for each in known)}
        assert named - groups <= known, f"{page.name}: {named - groups - known}"


def test_metrics_that_are_named_exist() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    known = {family.name for family in registry.collect()}
    for page in PAGES:
        named = {re.sub("_total$", "", name) for name in re.findall(r"songprint_[a-z_]+", page.read_text())}
        assert named <= known, f"{page.name}: {named - known}"


def test_the_erasure_bounds_are_those_that_topics_are_made_with() -> None:
    topics = Topics("playlist-events", "user-labels", "user-state", "playlist-events.dlq")
    config = {each.name: each.config for each in plan(topics, 8)}
    privacy = (ROOT / "docs" / "privacy.md").read_text()
    for name in (topics.labels, topics.states):
        assert config[name]["max.compaction.lag.ms"] == config[name]["delete.retention.ms"] == str(DAY_MS)
    assert "`max.compaction.lag.ms` (24 h" in privacy
    assert "`delete.retention.ms` more (24 h)" in privacy
    assert config[topics.events]["retention.ms"] == config[topics.dead_letters]["retention.ms"] == str(7 * DAY_MS)
    assert privacy.count("7 days") == 3
