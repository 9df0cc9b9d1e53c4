"""What the pages say is there: links, anchors, commands, options, settings, metrics, topics' settings."""

import argparse
import re
import shlex
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from export import __main__ as export
from tests.benchmark import command as benchmark
from training.recipe import load_variant
from training.reproduction.steps import STEPS
from worker import __main__ as worker
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


def lines_to_type(page: Path) -> list[str]:
    """The lines of a page's shell blocks, and what stands between single marks."""
    fence = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    text = page.read_text()
    blocks = [inside.replace("\\\n", " ") for kind, inside in fence.findall(text) if kind == "sh"]
    marked = [" ".join(each.split()) for each in re.findall(r"`([^`]+)`", fence.sub("", text))]
    return [*(line for block in blocks for line in block.splitlines()), *marked]


LINES = sorted({line for page in PAGES for line in lines_to_type(page)})


def test_what_make_is_asked_for_it_knows() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE))
    variables = set(re.findall(r"\$\((?:if \$\()?([A-Z]+)\)", makefile))
    asked = [found for line in LINES for found in re.findall(r"^(?:.*do )?make ([a-z]+)((?: [A-Z]+=\S+)*)", line)]
    assert {"demo", "test", "bench", "chaos", "audit"} <= {target for target, _ in asked} <= targets
    given = {name for _, words in asked for name in re.findall(r" ([A-Z]+)=", words)}
    assert {"DATA", "ARGS", "SEED", "MINUTES"} <= given <= variables


def passed_on(target: str) -> list[str]:
    return [words for line in LINES for words in re.findall(rf'make {target} ARGS="([^"]+)"', line)]


@pytest.mark.parametrize("words", [words for words in passed_on("bench") if words != "--help"])
def test_the_benchmark_takes_what_make_passes_on(words: str) -> None:
    asked = benchmark._parser().parse_args(words.split())  # it ends with what is wrong
    assert set(asked.parts) <= set(benchmark.PARTS)


def test_what_is_to_be_reproduced_can_be() -> None:
    only = {step for words in passed_on("reproduce") for step in re.findall(r"--only (\w+)", words)}
    assert {"recipes", "song_vectors", "images"} <= only <= set(STEPS)


WHOLE = [
    (module, words)
    for line in LINES
    for module, words in re.findall(r"python -m (worker|training|export) (.+)", line)
    if module == "worker" or len(words.split()) > 2
]
"""Commands with all that they need; a text may name one without."""


@pytest.mark.parametrize(("module", "words"), WHOLE)
def test_a_program_takes_its_command_as_it_stands_there(module: str, words: str) -> None:
    arguments = parser(module, shlex.split(words)).parse_args(shlex.split(words))
    recipes = getattr(arguments, "recipe", [])
    for name in [recipes] if isinstance(recipes, str) else recipes:
        load_variant(name)


def parser(module: str, words: list[str]) -> argparse.ArgumentParser:
    if module == "export":
        return export._parser()
    if module == "worker":
        return worker._parser(words)
    commands = argparse.ArgumentParser()
    import_module(f"training.commands.{words[0]}").add_arguments(
        commands.add_subparsers(required=True).add_parser(words[0], allow_abbrev=False)
    )
    return commands


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
    assert DAY_MS == 24 * 60 * 60 * 1_000
    for name in (topics.labels, topics.states):
        assert config[name]["max.compaction.lag.ms"] == config[name]["delete.retention.ms"] == str(DAY_MS)
    assert "`max.compaction.lag.ms` (24 h" in privacy
    assert "`delete.retention.ms` more (24 h)" in privacy
    assert config[topics.events]["retention.ms"] == config[topics.dead_letters]["retention.ms"] == str(7 * DAY_MS)
    assert privacy.count("7 days") == 3
