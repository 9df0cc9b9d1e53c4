"""Pages that are made from the code are those that are committed."""

from pathlib import Path

import pytest

from deploy.reference.pages import PAGES

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", PAGES)
def test_what_is_committed_is_what_the_code_makes(page: str) -> None:
    assert (ROOT / page).read_text() == PAGES[page](), "run `python -m deploy.reference`"
