"""Programs that tests run."""

import os
import shutil
import sys
from pathlib import Path

import pytest


def needed(program: str, package: str, *, in_ci: bool = True) -> str:
    """The program's path; without it the test is skipped, or fails where everything has to be there (CI=true).

    `in_ci` is for programs that a distribution brings; without the others a test is skipped there too.
    """
    folders = os.pathsep.join([os.environ["PATH"], str(Path(sys.executable).parent)])
    path = shutil.which(program, path=folders)
    if path is None:
        missing = pytest.fail if in_ci and os.environ.get("CI") == "true" else pytest.skip
        missing(f"there is no {program} on the PATH; install {package}")
    return path
