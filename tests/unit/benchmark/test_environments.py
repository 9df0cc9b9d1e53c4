"""What a peer needs, where it is not there."""

from pathlib import Path

import pytest

from tests.benchmark.contender import Unavailable
from tests.benchmark.environments import jars_of


def test_without_maven_there_is_no_peer_in_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="there is no mvn on the PATH"):
        jars_of("kafka_streams")
