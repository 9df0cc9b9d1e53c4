"""The map with names on it: every name can be read, and nothing in a name is taken for markup."""

import xml.etree.ElementTree as ET

import numpy as np
import pyarrow as pa

from training.report.name_map import HEIGHT, WIDTH, name_map, shorten, spread, text_width

SVG = "{http://www.w3.org/2000/svg}"


def table(names: list[str]) -> pa.Table:
    rng = np.random.default_rng(0)
    places = rng.normal(size=(len(names), 2)) ** 3
    return pa.table(
        {
            "name": names,
            "known": np.arange(len(names)),
            "cluster": rng.integers(0, 15, len(names)),
            "map_x": places[:, 0],
            "map_y": places[:, 1],
        }
    )


def test_three_hundred_names_do_not_overlap() -> None:
    rng = np.random.default_rng(1)
    sizes = np.array([(text_width("x" * length), 14.0) for length in rng.integers(4, 26, 300)])
    placed = spread(rng.normal((WIDTH / 2, HEIGHT / 2), (300, 200), size=(300, 2)), sizes)
    apart = np.abs(placed[:, None] - placed[None])
    overlap = np.minimum((sizes[:, None] + sizes[None]) / 2 - apart, 14).min(axis=2)
    np.fill_diagonal(overlap, -1)
    assert overlap.max() <= 1e-6, "letters would touch"
    assert (placed - sizes / 2 >= 0).all()
    assert (placed + sizes / 2 <= (WIDTH, HEIGHT)).all()


def test_names_on_one_spot_part() -> None:
    placed = spread(np.full((3, 2), 300.0), np.full((3, 2), (60.0, 14.0)))
    assert len(np.unique(placed.round(), axis=0)) == 3


def test_every_name_is_there_as_it_is_written() -> None:
    names = ["AC/DC", "<script>", "Mötley Crüe & friends", "周杰伦", "a" * 80]
    root = ET.fromstring(name_map(table(names)))
    texts = root.findall(f"{SVG}text")
    assert [text.findtext(f"{SVG}title") for text in texts] == names
    assert [(text.find(f"{SVG}title").tail or "") for text in texts] == [shorten(name) for name in names]


def test_east_asian_names_are_wider() -> None:
    assert text_width("周杰伦") > 1.5 * text_width("abc")
