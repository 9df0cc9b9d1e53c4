"""Tools: what tests need is installed by .ci/run or pip, and what is missing is told."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.deploy.programs import needed

ROOT = Path(__file__).parents[2]
NEEDED = re.compile(r'needed\("([\w-]+)", "([\w-]+)"\)')
NOWHERE = ("no-such-program", "its-package")


def test_ci_brings_every_program_that_must_be_there() -> None:
    asked = {pair for file in (ROOT / "tests").rglob("*.py") for pair in NEEDED.findall(file.read_text())}
    from_debian = dict(re.findall(r"^  \[([\w-]+)\]=([\w-]+)$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
    from_pip = set(re.findall(r"^([\w-]+)==", (ROOT / "requirements" / "dev.txt").read_text(), re.MULTILINE))
    assert {"promtool", "prometheus", "redis-server", "kcat"} <= {program for program, _ in asked}
    missing = {program for program, package in asked if package not in {*from_debian.values(), *from_pip}}
    assert not missing, f".ci/run does not install {missing}"


def test_only_what_a_distribution_does_not_bring_may_lack_in_ci() -> None:
    lenient = re.compile(r'needed\("([\w-]+)", [^()]*in_ci=False')
    may_lack = {each for file in (ROOT / "tests").rglob("*.py") for each in lenient.findall(file.read_text())}
    assert may_lack == {"kubectl", "apt-get", "docker"}


def test_ci_installs_what_is_missing_before_it_tests(tmp_path: Path) -> None:
    """On a machine that has make and nothing else, whose programs only say what they were asked for."""
    needed("apt-get", "Debian or Ubuntu, which .ci/run is for", in_ci=False)
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    for name in ("make", "apt-get", "env", "sudo", "tee", "chmod", "rm"):
        (tmp_path / name).write_text(f'#!/bin/sh\nwhile read -r _; do :; done\necho "{name} $*" >>"{tmp_path}/asked"\n')
        (tmp_path / name).chmod(0o755)
    command = ["/bin/bash", str(ROOT / ".ci" / "run")]
    subprocess.run(command, env={"PATH": str(tmp_path)}, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    asked = [line.removeprefix("sudo ") for line in (tmp_path / "asked").read_text().splitlines()]
    (install,) = (line for line in asked if " install " in line)
    installed = install.partition("--no-install-recommends ")[2].split()
    assert sorted(installed) == ["kcat", "openssl", "prometheus", "redis-server"]
    assert asked.index("apt-get update -qq") < asked.index(install) < asked.index("make test")


@pytest.mark.parametrize("status", [0, 2])
def test_ci_ends_as_the_tests_do(status: int, tmp_path: Path) -> None:
    """On a machine that lacks nothing."""
    (tmp_path / "dirname").symlink_to("/usr/bin/dirname")
    for name in ("make", "redis-server", "kcat", "openssl", "promtool"):
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    command = ["/bin/bash", str(ROOT / ".ci" / "run")]
    done = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert ("passed in" in done.stdout) == (status == 0)


@pytest.mark.parametrize(("in_ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_a_missing_program_is_told(in_ci: str, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", in_ci)
    with pytest.raises((pytest.fail.Exception, pytest.skip.Exception)) as told:
        needed(*NOWHERE)
    assert told.type is outcome, "a test that is skipped by mistake looks like one that passed"
    assert str(told.value) == "there is no no-such-program on the PATH; install its-package"


def test_ci_says_that_it_is_ci() -> None:
    assert "\nexport CI=true" in (ROOT / ".ci" / "run").read_text()
