"""One run becomes one bundle."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from export.golden import golden_cases
from export.run_folder import read_run
from export.verify import verify
from export.write_bundle import bundle_files, check_target, order_by_key, write_bundle
from worker.contract.bundle import load_bundle
from worker.contract.manifest import signatures


class Exported(NamedTuple):
    version: str
    size: int
    """Bytes."""
    difference: float
    """Largest difference of a probability between the bundle and TensorFlow."""


def export_bundle(run_path: Path, out: Path, name: str | None, tell: Callable[[str], None]) -> Exported:
    """Write the bundle of the run in `run_path` to `out`; `tell` hears what is being done. Raises ExportError.

    The bundle's version starts with `name`, or with the recipe's name.
    """
    check_target(out)
    tell("reading the run")
    run = read_run(run_path)
    ordered, keys = order_by_key(run)
    tell("loading TensorFlow")
    from export.convert import ServingModel  # noqa: PLC0415  (seconds; a wrong run must fail before)

    tell("converting")
    rule, temperature = run.facts.serving, run.facts.calibration.temperature
    declared = signatures(len(run.weights.bias), len(run.facts.genders), len(run.clusters))
    models = ServingModel(ordered.weights, rule, temperature).to_onnx(declared)
    source = ServingModel(run.weights, rule, temperature)
    golden = golden_cases(source, run.songs.ids, run.facts.seed)
    contents = bundle_files(ordered, keys, models, golden, declared, name or run.facts.recipe.name)
    difference = 0.0

    def check(folder: Path) -> None:
        nonlocal difference
        tell("comparing with TensorFlow")
        difference = verify(folder, source, run.songs.ids, run.facts.seed)

    write_bundle(out, contents, check)
    return Exported(load_bundle(out).version, sum(map(len, contents.values())), difference)
