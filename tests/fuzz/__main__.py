"""python -m tests.fuzz TARGET: coverage-guided fuzzing with atheris, which has to be installed for it."""

import argparse
import sys
import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
TARGETS = ("events", "states", "bundles")
MAX_LENGTH = {"events": 2_000, "states": 500, "bundles": 30_000}
MEMORY_MIB = 2_048
SLOW_SECONDS = 10
"""An input that takes as long is reported as a hang."""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60, help="how long (60)")
    parser.add_argument("--work", type=Path, default=Path("build/fuzz"), help="where what is found is put (build/fuzz)")
    parser.add_argument("--seed", type=int, default=0, help="the same inputs again; 0 for others each time (0)")
    options = parser.parse_args(arguments)
    if find_spec("atheris") is None:
        print("error: atheris is missing; install it with `python -m pip install atheris`", file=sys.stderr)
        return 1
    fuzz(options.target, options.seconds, options.work, options.seed)
    return 0


def fuzz(target: str, seconds: int, work: Path, seed: int) -> None:
    """Does not return: libFuzzer ends the process, with a status other than 0 if something was found."""
    found = work / target
    found.mkdir(parents=True, exist_ok=True)
    atheris = import_module("atheris")
    tempfile.tempdir = str(work.resolve())  # libFuzzer ends the process before Python could remove anything
    with atheris.instrument_imports(include=["worker", "tests.fuzz"]):
        module = import_module(f"tests.fuzz.{target}")
    for number, content in enumerate(module.seeds()):
        (found / f"seed-{number}").write_bytes(content)
    bounds = [
        f"-seed={seed}",
        f"-max_total_time={seconds}",
        f"-max_len={MAX_LENGTH[target]}",
        f"-rss_limit_mb={MEMORY_MIB}",
    ]
    kept = HERE / "corpus" / target
    folders = [str(folder) for folder in (found, kept) if folder.is_dir()]
    words = [f"-timeout={SLOW_SECONDS}", f"-artifact_prefix={found}-", f"-dict={HERE / 'words.dict'}"]
    atheris.Setup([sys.argv[0], *folders, f"-seed={seed}", *bounds, *words], module.fuzz)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
