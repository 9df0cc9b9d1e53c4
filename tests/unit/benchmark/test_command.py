"""The benchmark's command line."""

import pytest

from tests.benchmark.command import main


def test_the_help_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """A lone percent sign makes argparse print its own insides."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "more than 10 % slower" in " ".join(told.split())
    assert "option_strings" not in told
