"""The demo from end to end, as a newcomer runs it, on a data folder that trains in seconds."""

import os
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import IO

import pytest

from tests.stream import eventually
from training.synthetic.published import PUBLISHED_PLAYLISTS
from training.synthetic.settings import SyntheticSettings
from training.synthetic.write import write_synthetic

ROOT = Path(__file__).parents[2]
TOKEN = "SINGERS_DEMO_TEST"  # in the environment of every process that a demo has started

pytestmark = pytest.mark.timeout(900)  # a training, a Kafka and a worker, one after the other


class Demo:
    """A started `python -m deploy.demo` in a folder of its own."""

    def __init__(self, folder: Path, *arguments: str | Path) -> None:
        self._token = uuid.uuid4().hex
        self._process = subprocess.Popen(
            [sys.executable, "-m", "deploy.demo", *map(str, arguments)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), TOKEN: self._token},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    @property
    def output(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    def read_until(self, text: str) -> None:
        said = []
        for line in self.output:
            said.append(line)
            if text in line:
                return
        pytest.fail(f"the demo never said {text!r}, but:\n{''.join(said)}")

    def interrupt(self) -> None:
        self._process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, str]:
        """Exit status and whatever of the output has not been read yet."""
        rest = self.output.read()
        return self._process.wait(), rest

    def left_over(self) -> list[str]:
        """Processes that it started and that still run."""
        marker = f"{TOKEN}={self._token}".encode()
        return [pid for pid in filter(str.isdigit, os.listdir("/proc")) if marker in _environment(pid)]


def _environment(pid: str) -> bytes:
    try:
        return Path("/proc", pid, "environ").read_bytes()
    except OSError:  # it has just ended, or is somebody else's
        return b""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "small"
    write_synthetic(folder, SyntheticSettings(users=600, songs=600, gender_skew=1.2))
    return folder


def test_labels_arrive_and_nothing_stays_behind(data: Path, tmp_path: Path) -> None:
    demo = Demo(tmp_path, "--data", data)
    status, output = demo.end()
    assert status == 0, output
    assert "\x1b" not in output, "control characters where there is no terminal"
    sent, read = map(int, _found(r"(\d+) events sent (\d+) labels read: none is missing", output))
    assert sent == read > 120
    (right,) = map(float, _found(r"right \(accuracy\) +\d+ +([\d.]+)%", output))
    assert right > 60, "the gender of the users is planted in their songs"
    assert re.search(r"right by always saying [fm], of all +\d+ +[\d.]+%", output)
    for songs, published in PUBLISHED_PLAYLISTS:
        answer = rf"{' '.join(songs)} +{published} +[fm] +[01]\.\d\d"
        assert re.search(answer, output), f"no answer for {songs}"
    assert re.search(r"^lag_events +0 ", output, re.MULTILINE)
    eventually(lambda: not demo.left_over(), "everything that it started is gone")
    assert {path.name for path in (tmp_path / "build" / "demo").iterdir()} == {"train", "run", "bundle", "logs"}


@pytest.mark.parametrize("moment", ["python -m training fit", "starting Kafka"])
def test_ctrl_c_stops_everything(tmp_path: Path, moment: str) -> None:
    data = tmp_path / "tiny"
    write_synthetic(data, SyntheticSettings(users=200, songs=200))
    demo = Demo(tmp_path, "--data", data)
    demo.read_until(moment)
    demo.interrupt()
    status, output = demo.end()
    assert status == 130
    assert output.splitlines()[-1].endswith("stopped, and everything that was started with it")
    eventually(lambda: not demo.left_over(), "everything that it started is gone")


def test_a_folder_without_playlists_is_refused_in_words(tmp_path: Path) -> None:
    status, output = Demo(tmp_path, "--data", tmp_path).end()
    assert status == 1
    assert "has no table" in output
    assert "Traceback" not in output


def _found(pattern: str, text: str) -> tuple[str, ...]:
    """The groups of `pattern` in `text` without its commas, which also separate thousands."""
    match = re.search(pattern, text.replace(",", ""))
    assert match, f"{pattern} is not in:\n{text}"
    return match.groups()
