"""`worker load`: how fast it publishes, and what it does not take."""

import pytest

from worker.__main__ import main
from worker.commands.load import paced


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def test_items_keep_their_distance_and_what_was_late_is_not_made_up_for() -> None:
    clock, times = Clock(), []
    for item in paced(range(6), 10, clock, clock.wait):
        times.append(round(clock.now, 6))
        if item == 2:
            clock.now += 1.0  # something held it up
    assert times == [100.0, 100.1, 100.2, 101.2, 101.3, 101.4]


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "x", "1e9"])
def test_a_rate_that_is_none_is_wrong_usage(rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["load", "folder", "--rate", rate])
    assert stopped.value.code == 2
    assert "--rate" in capsys.readouterr().err
