"""What a peer needs, where it is not there."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.benchmark import environments
from tests.benchmark.contender import Unavailable
from tests.benchmark.environments import jars_of, python_of


class Commands(list[list[str]]):
    """Stands for the commands that make an environment; remembers them."""

    failing = ""
    """What is in a command that fails."""

    def __call__(self, words: list[str], **_: object) -> SimpleNamespace:
        self.append(words)
        if words[1:3] == ["-m", "venv"]:
            interpreter = Path(words[-1]) / "bin" / "python"
            interpreter.parent.mkdir(parents=True, exist_ok=True)
            interpreter.touch()
        elif words[0] == "mvn":
            (folder,) = [Path(word.partition("=")[2]) for word in words if word.startswith("-Dpeer.build=")]
            folder.mkdir(parents=True)
        failed = bool(self.failing) and self.failing in words
        return SimpleNamespace(returncode=int(failed), stdout="looking\n", stderr="one\ntwo\nno such package\n")


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Commands:
    """Of two peers, `tortoise` and `hare`, that have the same packages locked."""
    made = Commands()
    monkeypatch.setattr(environments, "PEERS", tmp_path)
    monkeypatch.setattr(environments, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(environments.subprocess, "run", made)
    for peer in ("tortoise", "hare"):
        (tmp_path / peer).mkdir()
        (tmp_path / peer / "requirements.txt").write_text("legs==4 --hash=sha256:4\n")
    return made


def test_each_peer_has_an_environment_of_its_own_with_what_is_locked(commands: Commands, tmp_path: Path) -> None:
    lock = tmp_path / "hare" / "requirements.txt"
    hare = python_of("hare")
    environment, install = commands
    assert environment[-1] == str(hare.parents[1])
    assert install[0] == str(hare)
    assert "--require-hashes" in install
    assert install[-2:] == ["--requirement", str(lock)]
    assert python_of("hare") == hare
    assert len(commands) == 2, "it is there"
    assert python_of("tortoise") != hare
    lock.write_text("legs==5 --hash=sha256:5\n")
    assert python_of("hare") != hare, "another lock, another environment"


def test_an_environment_without_its_packages_is_told_and_tried_again(commands: Commands) -> None:
    commands.failing = "--require-hashes"
    for _ in range(2):
        with pytest.raises(Unavailable, match="its packages cannot be installed: one / two / no such package"):
            python_of("hare")
    assert len(commands) == 4


def test_a_peer_in_java_is_built_anew_once_its_source_is_another(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(environments.shutil, "which", lambda program: program)
    (tmp_path / "hare" / "pom.xml").touch()
    source = tmp_path / "hare" / "Hare.java"
    source.write_text("slow")
    built = jars_of("hare")
    assert jars_of("hare") == built
    assert [command[0] for command in commands] == ["mvn"], "it is there"
    source.write_text("fast")
    assert jars_of("hare") != built


def test_without_maven_there_is_no_peer_in_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="there is no mvn on the PATH"):
        jars_of("kafka_streams")
