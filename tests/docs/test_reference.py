"""Pages and dashboards that are made from the code are those that are committed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.grafana.__main__ import FOLDER
from deploy.grafana.boards import DASHBOARDS
from deploy.reference.pages import PAGES

ROOT = Path(__file__).parents[2]
MADE = {
    "deploy.reference": list(PAGES),
    "deploy.grafana": [f"{FOLDER.relative_to(ROOT)}/{board.uid}.json" for board in DASHBOARDS],
}


@pytest.mark.parametrize("page", PAGES)
def test_what_is_committed_is_what_the_code_makes(page: str) -> None:
    assert (ROOT / page).read_text() == PAGES[page](), "run `python -m deploy.reference`"


@pytest.mark.parametrize("module", MADE)
def test_whoever_types_the_command_gets_what_is_committed(module: str, tmp_path: Path) -> None:
    """In a copy of the project that lacks what the command makes."""
    unwanted = shutil.ignore_patterns("__pycache__", *(Path(name).name for name in MADE[module]))
    for folder in ("deploy", "docs", "worker"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=unwanted)
    subprocess.run([sys.executable, "-m", module], cwd=tmp_path, check=True)
    assert MADE[module]
    for name in MADE[module]:
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes(), name
