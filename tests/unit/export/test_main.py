"""`python -m export` as a person types it, wrong and right."""

from pathlib import Path

import pytest

from export.__main__ import main
from export.model_card import model_card
from export.run_folder import read_run
from tests.small_run import write_small_run


def test_a_folder_that_is_no_run_is_a_failure_that_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 1
    assert "nowhere: no run.json there" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [[], ["run"], ["run", "--out", "x", "--name", "a b"], ["run", "--name", ""]])
def test_wrong_usage_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: python -m export" in capsys.readouterr().err


def test_the_model_card_says_how_good_the_model_is_and_what_it_is_not_for(tmp_path: Path) -> None:
    card = model_card(read_run(write_small_run(tmp_path)), "ktv-2026.11.21-1a2b3c4d").decode()

    assert card.startswith("# ktv-2026.11.21-1a2b3c4d\n")
    assert "| validation.majority_rate | 0.6000 |" in card
    assert "for 70.0% of users, of whom 80.0% are right" in card
    assert "## Intended use\n\nChoosing what to show to a group of listeners" in card
    forbidden = card.partition("## Not to be used for\n\n")[2].partition("\n## ")[0]
    for words in (
        "- Deciding anything about one person",
        "- Stating, storing or disclosing a person's gender as a fact.",
        "- Inferring other traits",
        "- Users who object",
        "- Listeners unlike those it was trained on",
    ):
        assert words in forbidden, words
    assert (
        "Recipe `joint`, seed 0, trained at 2026-11-21T09:00:00+00:00 on 100 users, 200 songs and 2,000 plays" in card
    )
    assert f"`sha256:{'0' * 64}`" in card
    assert "| 1 | Cluster 1 | 33.3% |" in card
