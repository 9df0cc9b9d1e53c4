"""Programs that pip cannot bring."""

import os
import shutil

import pytest


def needed(program: str, package: str) -> str:
    """The program's path; without it the test is skipped, or fails where everything has to be there (CI=true)."""
    path = shutil.which(program)
    if path is None:
        missing = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        missing(f"there is no {program} on the PATH; install {package}")
    return path
