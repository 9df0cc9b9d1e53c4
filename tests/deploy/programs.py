"""Programs that tests run."""

import os
import shutil
import sys
from pathlib import Path

import pytest


def needed(program: str, package: str) -> str:
    """The program's path; without it the test is skipped, or fails where everything has to be there (CI=true)."""
    folders = os.pathsep.join([os.environ["PATH"], str(Path(sys.executable).parent)])
    path = shutil.which(program, path=folders)
    if path is None:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing(f"there is no {program} on the PATH; install {package}")
    return path
