"""The demo from end to end, as a newcomer runs it, and how it ends before."""

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
TOKEN = "DEMO_TEST_TOKEN"  # in the environment of every process that a demo has started

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


def test_labels_arrive_and_nothing_stays_behind(tmp_path: Path) -> None:
    """All of it, at its own size: the karaoke chain's 3,748 users and 16,692 songs."""
    demo = Demo(tmp_path)
    status, output = demo.end()
    assert status == 0, output
    assert "\x1b" not in output, "control characters where there is no terminal"
    assert _found(r"(\d+) for the stream (\d+) users left for training", output) == ("750", "2998")
    assert _found(r"sending \d+ events of (\d+) listeners (\d+) a second", output) == ("757", "80")
    sent, read = map(int, _found(r"(\d+) events sent (\d+) labels read: none is missing none came twice", output))
    assert sent == read > 2 * 750 * 0.9, "nearly everyone has a snapshot and a change"
    assert len(re.findall(r"^u\d{4} +\d+/\d+ +[fm-]  [01]\.\d\d +[fm]", output, re.MULTILINE)) > 10, "labels are shown"
    _check_score(output)
    for songs, published in PUBLISHED_PLAYLISTS:
        answer = rf"{' '.join(songs)} +{published} +[fm] +[01]\.\d\d +([fm] *$|none: not sure enough)"
        assert re.search(answer, output, re.MULTILINE), f"no answer for {songs}"
    page = output.partition("What the worker says of itself (/metrics)")[2]
    for metric in (
        "events +[0-9]",
        "rejects +0",
        "lag_events +0",
        "event_latency_seconds +p50",
        "model_info +songprint-",
    ):
        assert re.search(rf"^{metric}", page, re.MULTILINE), f"{metric}: not on the page of metrics"
    eventually(lambda: not demo.left_over(), "everything that it started is gone")
    assert {path.name for path in (tmp_path / "build" / "demo").iterdir()} == {"data", "train", "run", "bundle", "logs"}


def _check_score(output: str) -> None:
    """Accuracy stands beside the majority rate, of those with a gender and of all, and is well above it."""
    (everyone,) = map(int, _found(r"labelled at all +(\d+)", output))
    (told,) = map(int, _found(r"with a gender \(coverage\) +(\d+) ", output))
    right, share = map(float, _found(r"right \(accuracy\) +(\d+) +([\d.]+)%", output))
    majority, its_share = map(float, _found(r"right by always saying m +(\d+) +([\d.]+)%", output))
    of_all, its_share_of_all = map(float, _found(r"right by always saying m of all +(\d+) +([\d.]+)%", output))
    assert (share, its_share) == pytest.approx((100 * right / told, 100 * majority / told), abs=0.051)
    assert its_share_of_all == pytest.approx(100 * of_all / everyone, abs=0.051)
    assert everyone == 750
    assert told > 150, "the model does not abstain from nearly everybody"
    assert share > its_share + 3, "the gender of the users is planted in their songs"


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
