"""The tables of the report's page."""

from training.report import page


def test_clusters_are_told_by_size_name_and_typical_songs() -> None:
    songs = [{"song_id": "s1", "title": "Tom & Huck", "lift": 3.24}, {"song_id": "s2", "title": "Yes", "lift": 1.5}]
    clusters = [
        {"id": 0, "name": "rock <hard>", "size": 0.614, "songs": songs},
        {"id": 1, "name": "pop", "size": 0.386, "songs": []},
    ]
    _, _, first, second = page._clusters(clusters).split("<tr>")
    assert "<td>rock &lt;hard&gt;</td>" in first
    assert '<td class="number">61.4%</td>' in first
    assert "<span>Tom &amp; Huck <i>x 3.2</i></span><span>Yes <i>x 1.5</i></span>" in first
    assert "<td>pop</td>" in second
    assert '<td class="number">38.6%</td>' in second
