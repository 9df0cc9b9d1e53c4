"""The commands of the operating guide, as they stand there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from deploy.local.redis import start_redis
from tests.integration.own_settings import own_settings

PAGE = Path(__file__).parents[2] / "docs" / "operating.md"


def test_the_first_start(kafka: str, topic_prefix: str, small_bundle: Path, tmp_path: Path) -> None:
    (block,) = re.findall(r"## First start\n+```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    commands = [shlex.split(line) for line in block.splitlines()]
    assert commands.pop()[1:] == ["-m", "worker", "run"], "which every other test runs"
    with start_redis(tmp_path / "cache") as cache:
        environment = {**os.environ, **own_settings(topic_prefix, kafka, cache.url, small_bundle)}
        for python, *words in commands:
            assert python == "python"
            here = [
                "1" if before == "--replication" else word for before, word in zip(["", *words], words, strict=False)
            ]
            done = subprocess.run([sys.executable, *here], env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
    assert "0 problems" in done.stdout
