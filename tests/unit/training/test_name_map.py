"""The map with names on it: every name can be read, and nothing in a name is taken for markup."""

import xml.etree.ElementTree as ET

import numpy as np
import pyarrow as pa
import pytest

from training.report.name_map import HEIGHT, WIDTH, name_map, shorten, spread, text_width
from training.report.style import CLUSTER_COLOURS
from training.song_vectors import maps

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


def test_every_name_has_the_colour_of_its_cluster() -> None:
    names = table([f"Band {number}" for number in range(300)])
    root = ET.fromstring(name_map(names))
    texts, lines = root.findall(f"{SVG}text"), root.findall(f"{SVG}line")
    colours = [CLUSTER_COLOURS[cluster % len(CLUSTER_COLOURS)] for cluster in names["cluster"].to_pylist()]
    assert [text.get("fill") for text in texts] == colours
    assert [line.get("stroke") for line in lines] == colours


def test_the_three_hundred_best_known_have_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Songs of an artist count together; the cluster is that of most of their listeners."""
    monkeypatch.setattr(maps, "_tsne", lambda vectors, seed: vectors[:, :2])
    artists = [f"Band {number}" for number in range(320)]
    ids = [str(number) for number in range(640)]
    songs = pa.table({"song_id": ids, "title": [""] * 640, "artist": artists * 2})
    # The first song of each is better known than the second, which is of another cluster.
    known = np.concatenate([np.arange(320) + 10, np.full(320, 5)])
    clusters = np.concatenate([np.arange(320) % 7, np.full(320, 8)])
    names = maps.name_places(np.random.default_rng(0).normal(size=(640, 4)), songs, known, clusters, 0)
    best = range(319, 19, -1)
    assert names["name"].to_pylist() == [artists[number] for number in best]
    assert names["known"].to_pylist() == [number + 15 for number in best]
    assert names["cluster"].to_pylist() == [number % 7 for number in best]


def test_an_artist_lies_where_most_listeners_know_the_songs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maps, "_tsne", lambda vectors, seed: vectors)
    songs = pa.table({"song_id": ["1", "2", "3"], "title": [""] * 3, "artist": ["Ann", "Bob", "Ann"]})
    vectors = np.array([[5, 0], [0, 1], [0, 1]], dtype=np.float32)
    names = maps.name_places(vectors, songs, np.array([3, 1, 4]), np.zeros(3, np.intp), 0)
    assert names["name"].to_pylist() == ["Ann", "Bob"]
    assert names["map_x"].to_pylist() == pytest.approx([0.6, 0])
    assert names["map_y"].to_pylist() == pytest.approx([0.8, 1])


def test_east_asian_names_are_wider() -> None:
    assert text_width("周杰伦") > 1.5 * text_width("abc")
