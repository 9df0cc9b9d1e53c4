"""What goes along with a committed offset: the worker reads its own, and believes nobody else's."""

import pytest

from worker.adapters.kafka_offsets import read_position, write_position


@pytest.mark.parametrize("position", [0, 17, 2**62])
def test_a_position_comes_back(position: int) -> None:
    assert read_position(write_position(position)) == position


@pytest.mark.parametrize("metadata", [None, "", "17", "changelog ", "changelog -3", "changelog 17.0", "position 17"])
def test_what_somebody_else_has_written_tells_nothing(metadata: str | None) -> None:
    assert read_position(metadata) == 0
