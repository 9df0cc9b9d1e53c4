"""What readers rely on stands where they look for it, and agrees with the code: a sentence taken away is missed."""

import json
import re
from functools import cache
from inspect import getsource
from pathlib import Path

import pytest
import yaml

from tests.docs.test_schemas import validator
from training.report import page as report_page
from training.report.page import _TASTE, _TELLING
from worker.adapters.kafka_offsets import write_position
from worker.contract import manifest, user_state
from worker.contract.event import MAX_USER_BYTES, Erase, decode_event
from worker.contract.vocabulary import MAX_SONG_BYTES
from worker.observe.drift import HALF_LIFE
from worker.observe.health import Health
from worker.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@cache
def sections(page: str) -> dict[str, str]:
    """The text under each heading of the second level, lines joined; by the heading, in their order."""
    parts = re.split(r"^## ", (DOCS / f"{page}.md").read_text(), flags=re.MULTILINE)[1:]
    return {heading: " ".join(text.split()) for heading, _, text in (part.partition("\n") for part in parts)}


def opening(page: str) -> str:
    """What a page says before its first heading of the second level, lines joined."""
    return " ".join((DOCS / f"{page}.md").read_text().partition("\n## ")[0].split())


(MALLOC_ARENAS,) = re.findall(r"MALLOC_ARENA_MAX=\d+", (ROOT / "deploy/docker/worker.Dockerfile").read_text())

SAID = [
    (
        "contract",
        "Read this first",
        "A label whose value is null (a tombstone) means: there is no label for this user.",
    ),
    ("contract", "Read this first", "`gender.label` null means that the model abstains"),
    ("contract", "Read this first", '`reason: "relabel"` means that the user did nothing'),
    (
        "contract",
        "Read this first",
        "The user was erased or objects to being labelled. Delete what you hold of the label.",
    ),
    ("contract", "Read this first", "`source` then tells the last event of the user that the label stands on"),
    ("contract", "Read this first", "Compaction hides history."),
    ("contract", "Read this first", "What you read late may lack labels in between."),
    ("contract", "Read this first", "Offsets repeat after a reset."),
    ("contract", "Read this first", "drop repetitions within a stream, never as a key for ever."),
    ("contract", "Read this first", "Read with `isolation.level=read_committed`."),
    ("contract", "Events (`playlist-events`)", "All producers must use one partitioner"),
    ("contract", "Events (`playlist-events`)", f"Key: the user's id, 1 to {MAX_USER_BYTES} bytes of UTF-8."),
    (
        "contract",
        "Events (`playlist-events`)",
        f"a set of song ids, each 1 to {MAX_SONG_BYTES} bytes, compared byte by byte",
    ),
    ("contract", "Events (`playlist-events`)", "songs added and removed, `remove` first"),
    ("contract", "Events (`playlist-events`)", "Order is offset order, never `at`."),
    (
        "contract",
        "Events (`playlist-events`)",
        "if it differs from the key the event is rejected. Unknown fields are ignored.",
    ),
    ("operating", "What it needs", "`maxmemory-policy noeviction`"),
    ("operating", "What it needs", f"`SONGPRINT_POLICY__MAX_HOT_BYTES` ({Settings().policy.max_hot_bytes >> 20} MiB)"),
    ("operating", "What it needs", f"The image sets `{MALLOC_ARENAS}`; without the image set it as well"),
    ("operating", "First start", "it exits with 1 if anything is"),
    ("contract", "What may change", "new optional fields of events; new fields of labels; new headers;"),
    ("contract", "What may change", "new clusters; new reasons and stages of dead letters;"),
    (
        "contract",
        "What may change",
        "Not without a new topic: a field's name, type or meaning; a field that goes; what null means; the key.",
    ),
    ("operating", "Scaling", "One worker per partition at the most."),
    ("operating", "Scaling", "taken away for good keeps its partitions until its session times out"),
    ("operating", "Stopping", "SIGKILL: nothing is lost or repeated"),
    ("operating", "Health", "A Redis or Kafka that is away makes a worker unready, never dead."),
    ("operating", "Health", f"it has not polled for {Health(lambda: 0.0)._stalled_after:g} s: restart it"),
    ("operating", "Backfill and reset", "All workers must be stopped."),
    ("operating", "What to look at", "Each alert has its section in [runbooks.md](runbooks.md)."),
    ("operating", "What to look at", f"half after {HALF_LIFE:,} labels"),
    ("operating", "What to look at", "below 0.1 nothing has happened, above 0.25 the audience is another one"),
    ("upgrading", "One worker after the other", "Workers of two releases may share a group"),
    ("upgrading", "One worker after the other", "Restart one at a time"),
    ("upgrading", "One worker after the other", "if nothing below says otherwise"),
    ("upgrading", "What is versioned", "its first byte | refused: the worker stops and says so |"),
    ("upgrading", "What is versioned", "its fields | not believed: the partition is restored from the changelog |"),
    ("upgrading", "What is versioned", "only then to the one that writes the new one."),
    ("upgrading", "What is versioned", "first learns to read it: upgrade all workers to the release that reads both"),
    ("upgrading", "What is versioned", "The way back goes the same steps."),
    ("upgrading", "What is versioned", "Release notes in CHANGELOG.md name such releases"),
    ("upgrading", "Going back", "Start the release before."),
    ("upgrading", "A new model", "apart from the worker, without a restart"),
    ("upgrading", "Kafka and Redis", "a user's partition would change: make new topics"),
    ("privacy", "What is inferred", "infers a probable gender"),
    ("privacy", "What is inferred", "a cluster of taste"),
    ("privacy", "What is inferred", "It must not decide anything that matters to somebody"),
    ("privacy", "What is inferred", "It must never be shown to others as a fact"),
    ("privacy", "What is kept, and where", "`user-state`"),
    ("privacy", "Consent and objection", "each further event of the user yields a tombstone in place of a label"),
    ("privacy", "Consent and objection", "set it to `false` where labelling needs consent beforehand"),
    ("privacy", "Consent and objection", f"`: {'on' if Settings().policy.labelling_default else 'off'} by default"),
    ("privacy", "Erasure, and how long it takes", "state, label, copy and objection."),
    ("privacy", "Erasure, and how long it takes", "To keep the objection, send it again afterwards."),
    ("privacy", "Erasure, and how long it takes", "after 48 hours nothing of the user is in states and labels"),
    ("security", "Secrets", "A secret is never logged"),
    ("security", "What leaves a worker", "the worker sets `ORT_DISABLE_TELEMETRY` before it loads them"),
    ("security", "Dependencies", "`make audit` asks the package index for known vulnerabilities"),
    ("privacy", "Access and correction", "the present label can be read for an answer to a request"),
    ("models", "Data", "`users` (user_id, gender: `m`, `f` or empty)"),
    ("models", "Train and export", "refuses to write one that differs"),
    ("models", "Read the report", "majority rate"),
    ("models", "Publish", "by renaming"),
    ("models", "Roll back", "Keep the bundle before."),
    ("models", "When to train again", "`SongprintLabelDrift` or `SongprintModelOutOfDate` say so"),
    (
        "runbooks",
        "SongprintHangs",
        "Its heartbeats go on, so Kafka gives its partitions to the others only when the session timeout has passed",
    ),
]


@pytest.mark.parametrize(("page", "heading", "words"), SAID, ids=lambda value: str(value)[:40])
def test_what_is_relied_upon_is_said(page: str, heading: str, words: str) -> None:
    assert words in sections(page)[heading].replace("**", "")


def test_who_deploys_it_is_told_to_decide_on_what_basis() -> None:
    assert "whoever deploys it has to decide, and to document, on what basis" in opening("privacy")


def test_it_is_said_of_every_place_what_is_kept_there_and_for_how_long() -> None:
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \| (.*?) ?\|$", (DOCS / "privacy.md").read_text(), re.MULTILINE)[1:]
    kept = {place.strip("`"): (what, how_long) for place, what, how_long in rows}
    assert {place: how_long for place, (_, how_long) in kept.items()} == {
        "playlist-events": "the topic's retention, 7 days",
        "user-state": "until erased",
        "Redis": "until erased",
        "user-labels": "until erased or objecting",
        "playlist-events.dlq": "the topic's retention, 7 days",
        "logs, metrics": "",
        "bundles": "",
    }
    kafka = Settings().kafka
    topics = (kafka.events_topic, kafka.labels_topic, kafka.state_topic, kafka.dead_letter_topic)
    assert set(topics) <= set(kept), "a topic of which nothing is said"
    assert "user id" in kept["user-state"][0]
    assert "no user ids" in kept["logs, metrics"][0]


def test_a_newcomer_reads_what_it_is_two_commands_what_they_print_and_where_to_go_on() -> None:
    first, see, *_, last = re.split(r"^## ", (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    assert "It is a Kafka streaming worker: playlist events go in, and\nfor every event a label comes out" in first
    assert re.search(r"^!\[.{50,}\]\(docs/flow\.svg\)$", first, re.MULTILINE), (
        "a picture of the flow, told in words too"
    )
    assert see.startswith("See it work\n")
    commands, printed = re.findall(r"^```(?:sh)?\n(.*?)^```$", see, re.MULTILINE | re.DOTALL)
    assert commands == "make demo\nmake test\n"
    for shown in ("labels read: none is missing, none came twice", "right (accuracy)", "The seven published playlists"):
        assert shown in printed
    assert last.startswith("Where to go on\n")
    for page in ("docs/operating.md", "docs/contract.md", "docs/models.md", "docs/privacy.md", "DESIGN.md", "LICENSE"):
        assert f"({page})" in last


def test_genders_of_real_listeners_stand_beside_those_of_a_majority_and_of_logistic_regressions() -> None:
    """Measured on the same folds of `lfm2b-sample`, by a command that is told."""
    (part,) = re.findall(r"^## How good the labels are\n(.*?)^## ", (ROOT / "README.md").read_text(), re.M | re.S)
    told, _, table = part.partition("| recipe |")
    assert "20,847 Last.fm listeners (`lfm2b-sample`)" in told
    assert "`python -m training evaluate --data DIR --folds 5" in told
    rows = dict(re.findall(r"^\| ([^|*]+?) +\| (\.\d{4}) ", table.partition("\n\n")[0], re.MULTILINE))
    assert {"majority", "joint", "best logistic regression"} < set(rows)
    assert rows["majority"] == ".5000" < rows["best logistic regression"] < rows["joint"]


def test_every_decision_has_its_date() -> None:
    headings = re.findall(r"^\*\*.*", (ROOT / "DESIGN.md").read_text(), re.MULTILINE)
    dated = re.compile(r"\*\*[^*]+\*\* \(20\d\d-\d\d-\d\d\)\. ")
    assert len(headings) > 50
    assert [heading for heading in headings if not dated.match(heading)] == []


def test_consumers_read_first_what_surprises_them() -> None:
    assert next(iter(sections("contract"))) == "Read this first"
    description = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())["info"]["description"]
    assert "Read contract.md first" in description


def test_the_contracts_examples_are_what_the_worker_takes_and_writes() -> None:
    rows = re.findall(r"^\| `?(\{.*?\}|null)`? \|", (DOCS / "contract.md").read_text(), re.MULTILINE)
    for event in rows:
        decoded = decode_event(None if event == "null" else event.encode(), "u", 1_000)
        assert isinstance(decoded, Erase) == (event == "null")
    assert len(rows) == 4
    (label,) = re.findall(r"```json\n(.*?)```", (DOCS / "contract.md").read_text(), re.DOTALL)
    validator("label").validate(json.loads(label))


def test_the_versions_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", (DOCS / "upgrading.md").read_text(), re.MULTILINE)[1:]
    assert {what.partition(" (")[0]: version for what, version in rows} == {
        "state": f"{user_state.VERSION}, its first byte",
        "watermark": "its fields",
        "what goes along with an offset": f"`{write_position(0).replace('0', 'POSITION')}`",
        "bundle": f"`format` {manifest.FORMAT} in `manifest.json`",
        "records": "see [contract.md](contract.md)",
    }


def test_the_report_has_the_figures_that_the_guide_reads() -> None:
    drawn = {title for _, title, _ in (*_TELLING, *_TASTE)} | set(re.findall("<h2>(.+?)</h2>", getsource(report_page)))
    named = set(re.findall(r'"([^"]+)"', sections("models")["Read the report"]))
    assert len(named) > 5
    assert named <= drawn, named - drawn


def test_the_glossary_can_be_looked_up() -> None:
    words = re.findall(r"^\| ([\w ,]+) \| [^|\s]", (DOCS / "glossary.md").read_text(), re.MULTILINE)[1:]
    assert words == sorted(words)
    assert {"abstain", "bundle", "changelog", "dead letter", "drift", "relabel", "state", "tombstone"} <= set(words)
    assert {"population stability index", "reject, retry, stop", "restore", "vocabulary", "watermark"} <= set(words)
