"""Dashboards: what is committed is what the code makes, and Grafana and the runbooks find their way in it."""

import json
import re
from pathlib import Path

from deploy.grafana.boards import DASHBOARDS
from deploy.grafana.render import render

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "grafana" / "dashboards"
GRID = 24
"""Columns that Grafana has."""
PANELS = [panel for dashboard in DASHBOARDS for panel in dashboard.panels]


def test_what_is_committed_is_what_the_code_makes() -> None:
    for each in DASHBOARDS:
        made = (FOLDER / f"{each.uid}.json").read_text()
        assert made == render(each), "run `python -m deploy.grafana`"
    assert {file.stem for file in FOLDER.iterdir()} == {each.uid for each in DASHBOARDS}


def test_panels_have_names_of_their_own_that_runbooks_can_use() -> None:
    titles = [panel.title for panel in PANELS]
    assert len(titles) == len(set(titles))
    runbooks = (ROOT / "docs" / "runbooks.md").read_text()
    named = {
        name
        for words in re.findall(r"panels? ((?:\"[\w -]+\"(?:, | and )?)+)", runbooks)
        for name in re.findall('"([^"]+)"', words)
    }
    assert len(named) > 5
    assert named <= set(titles), named - set(titles)


def test_grafana_finds_what_it_needs() -> None:
    for file in FOLDER.iterdir():
        document = json.loads(file.read_text())
        assert document["schemaVersion"] >= 39
        ids = [panel["id"] for panel in document["panels"]]
        assert len(ids) == len(set(ids))
        places = [
            (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
            for panel in document["panels"]
            for x in range(panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["h"])
        ]
        assert len(places) == len(set(places)), "panels lie on each other"
        assert max(x for x, _ in places) < GRID
        (variable,) = document["templating"]["list"]
        assert (variable["name"], variable["type"], variable["query"]) == ("source", "datasource", "prometheus")
        assert {panel["datasource"]["uid"] for panel in document["panels"]} == {"${source}"}


def test_a_newcomer_sees_them() -> None:
    assert "](docs/dashboards.png)" in (ROOT / "README.md").read_text()
