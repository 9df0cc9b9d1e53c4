"""Dashboards: what is committed is what the code makes, and Grafana and the runbooks find their way in it."""

import json
import re
import struct
import subprocess
from collections.abc import Iterator
from enum import Enum
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import panelcfg_config
from grafana_foundation_sdk.models import units
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.boards import DASHBOARDS
from deploy.grafana.panel import Dashboard as Board
from deploy.grafana.panel import Panel, Query, gauge, mean, quantile, rate
from deploy.grafana.render import render
from tests.deploy.panel_drawing import DOTS, figure_inches
from tests.deploy.programs import needed

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "grafana" / "dashboards"
GRID = 24
"""Columns that Grafana has."""
FILES = sorted(FOLDER.glob("*.json"))
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


@pytest.mark.parametrize(
    ("topic", "shown"),
    [
        ("traffic and lag", "songprint_events_total songprint_lag_events songprint_event_latency_seconds"),
        ("latency by stage", 'songprint_stage_seconds songprint_batch_seconds outcome="committed"'),
        ("models and labels", "songprint_model_info job_gender:songprint_labels job_cluster:songprint_labels"),
        ("models and labels", "songprint_abstentions_total songprint_gender_confidence songprint_drift_index"),
        ("state and restores", "songprint_state_lookups_total songprint_ready_partitions songprint_restores_total"),
        ("errors", 'songprint_rejects_total songprint_retries_total outcome="aborted"'),
    ],
)
def test_a_dashboard_shows_what_it_is_about(topic: str, shown: str) -> None:
    (board,) = (each for each in DASHBOARDS if each.title == f"Songprint: {topic}")
    asked = " ".join(query.expression for panel in board.panels for query in panel.queries)
    assert [each for each in shown.split() if each not in asked] == []
    assert all(panel.queries for panel in board.panels), "a panel that asks for nothing"


def test_grafana_finds_what_it_needs() -> None:
    for file in FOLDER.iterdir():
        document = json.loads(file.read_text())
        assert document["schemaVersion"] >= 39
        spans = (document["refresh"], document["time"]["from"].removeprefix("now-"))
        assert all(re.fullmatch(r"[1-9]\d*[smhd]", span) for span in spans)
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
        asking = [*document["panels"], *(target for panel in document["panels"] for target in panel["targets"])]
        assert {(each["datasource"]["type"], each["datasource"]["uid"]) for each in asking} == {
            ("prometheus", "${source}")
        }


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.uid)
def test_grafana_is_told_all_that_a_panel_says(board: Board) -> None:
    document = json.loads((FOLDER / f"{board.uid}.json").read_text())
    for panel, told in zip(board.panels, document["panels"], strict=True):
        assert (told["title"], told["description"]) == (panel.title, panel.meaning)
        shown = told["fieldConfig"]["defaults"]
        assert (shown["unit"], shown["custom"]["stacking"]["mode"] == "normal") == (panel.unit, panel.stacked)
        targets = told["targets"]
        assert [(each["expr"], each["legendFormat"]) for each in targets] == list(panel.queries)
        assert len({each["refId"] for each in targets}) == len(targets)


def test_grafanas_types_are_those_of_the_grafana_that_compose_starts() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text())
    release = metadata.version("grafana-foundation-sdk").partition("!")[2]
    assert compose["services"]["grafana"]["image"] == f"grafana/grafana:{release}"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_grafana_has_a_type_for_every_field_and_each_value_is_one_of_it(file: Path) -> None:
    """What its types do not know is lost on the way through them."""
    register_default_plugins()
    document = json.loads(file.read_text())
    read = Dashboard.from_json(document)
    assert list(lost(document, json.loads(json.dumps(read, cls=JSONEncoder)))) == []
    assert list(strangers(read, "dashboard")) == []
    assert all(panelcfg_config(panel["type"]) for panel in document["panels"]), "a kind of panel that there is not"


def lost(given: Any, kept: Any, path: str = "") -> Iterator[str]:
    if isinstance(given, dict):
        for name, value in given.items():
            yield from lost(value, kept.get(name), f"{path}.{name}") if name in kept else [f"{path}.{name}"]
    elif isinstance(given, list) and len(given) == len(kept):
        for number, value in enumerate(given):
            yield from lost(value, kept[number], f"{path}.{number}")
    elif given != kept:
        yield f"{path}: {given} became {kept}"


def strangers(item: Any, path: str) -> Iterator[str]:
    """Values that are none of those which their type lists, or of another type."""
    if isinstance(item, list):
        for number, each in enumerate(item):
            yield from strangers(each, f"{path}.{number}")
    elif hasattr(item, "to_json"):
        for name, hint in get_type_hints(type(item)).items():
            value = getattr(item, name)
            kinds = get_args(hint) if get_origin(hint) is Union else (hint,)
            if all(kind in PLAIN or (isinstance(kind, type) and issubclass(kind, Enum)) for kind in kinds):
                if not any(fits(value, kind) for kind in kinds):
                    yield f"{path}.{name} is {value!r}"
            else:
                yield from strangers(value, f"{path}.{name}")


PLAIN = (str, bool, int, float, type(None))


def fits(value: Any, kind: type) -> bool:
    if issubclass(kind, Enum):
        return value in {each.value for each in kind}
    return isinstance(value, (int, float) if kind is float else kind)


def test_grafana_knows_the_units() -> None:
    known = {get_args(hint)[0] for hint in get_type_hints(units).values() if get_origin(hint) is Literal}
    assert {panel.unit for panel in PANELS} <= known


UNITS = {
    "share|ratio|confidence": "percentunit",
    "_bytes": "bytes",
    "cpu_seconds": "short",  # seconds in a second
    "_seconds": "s",
    " / ": "short",
    r"^sum( by \(\w+\) )?\(rate\(": "eps cps",
    "": "short",
}


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_a_unit_is_that_of_what_is_asked(panel: Panel) -> None:
    for query in panel.queries:
        fitting = next(units for said, units in UNITS.items() if re.search(said, query.expression))
        assert panel.unit in fitting.split()


OF_TWO_WORKERS = {
    'n_total{by="a"}': "0+60x20",
    'n_total{by="b"}': "0+180x20",
    'g{by="a"}': "5x20",
    'g{by="b"}': "7x20",
    'h_sum{by="a"}': "0+12x20",
    'h_sum{by="b"}': "0+90x20",
    'h_count{by="a"}': "0+60x20",
    'h_count{by="b"}': "0+60x20",
    'h_bucket{by="a", le="1"}': "0+60x20",
    'h_bucket{by="a", le="2"}': "0+60x20",
    'h_bucket{by="a", le="+Inf"}': "0+60x20",
    'h_bucket{by="b", le="1"}': "0x20",
    'h_bucket{by="b", le="2"}': "0+60x20",
    'h_bucket{by="b", le="+Inf"}': "0+60x20",
    # Where nothing happens there is no mean, rather than one that is no number.
    'h_sum{by="idle"}': "0x20",
    'h_count{by="idle"}': "0x20",
}
ASKED: list[tuple[Query, dict[str, float]]] = [
    (rate("n_total", "by"), {'{by="a"}': 1, '{by="b"}': 3}),
    (rate("n_total"), {"{}": 4}),
    (gauge("g", "by"), {'{by="a"}': 5, '{by="b"}': 7}),
    (gauge("g"), {"{}": 12}),
    (gauge("g", operation="max"), {"{}": 7}),
    (mean("h", "by"), {'{by="a"}': 0.2, '{by="b"}': 1.5}),
    (quantile(0.5, "h"), {"{}": 1}),
    (quantile(0.75, "h", "by"), {'{by="a"}': 0.75, '{by="b"}': 1.75}),
]


def test_rates_means_quantiles_and_gauges_are_what_they_are_called(tmp_path: Path) -> None:
    asked = [
        {
            "expr": f"round({query.expression.replace('$__rate_interval', '5m')}, 0.001)",
            "eval_time": "10m",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in values.items()],
        }
        for query, values in ASKED
    ]
    given = [{"series": series, "values": values} for series, values in OF_TWO_WORKERS.items()]
    test = {"interval": "1m", "input_series": given, "promql_expr_test": asked}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump({"tests": [test]}))
    command = [needed("promtool", "prometheus"), "test", "rules", str(tmp_path / "tests.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_newcomer_sees_them() -> None:
    assert "](docs/dashboards.png)" in (ROOT / "README.md").read_text()


def test_the_picture_has_a_place_for_each_of_their_panels() -> None:
    """Or it is one of dashboards as they were: `python -m tests.deploy.picture` draws it anew."""
    head = (ROOT / "docs" / "dashboards.png").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">2I", head[16:]) == tuple(round(DOTS * inches) for inches in figure_inches())
