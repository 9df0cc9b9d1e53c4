"""What fuzzing has ever found interesting is tried again, and so are the seeds that it begins with."""

from importlib import import_module
from pathlib import Path

import pytest

from tests.fuzz.__main__ import HERE, TARGETS

CORPUS = sorted(path for target in TARGETS for path in (HERE / "corpus" / target).glob("*"))


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_interesting_input_does_no_harm(path: Path) -> None:
    import_module(f"tests.fuzz.{path.parent.name}").fuzz(path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_seeds_and_their_beginnings_do_no_harm(target: str) -> None:
    module = import_module(f"tests.fuzz.{target}")
    for seed in module.seeds():
        for end in (len(seed), len(seed) - 1, len(seed) // 2, 1):
            module.fuzz(seed[:end])
