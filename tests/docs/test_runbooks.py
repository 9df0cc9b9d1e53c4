"""A runbook says what its alert means, how to confirm it and what to do; what it names is what a worker tells.

The figures of the alerts are held against the runbooks in tests/deploy, what is set up wrongly in the test beside this.
"""

import re

import pytest

from tests.docs.test_runbooks_and_check import CANNOT_SEE, ROOT, sections
from worker.contract.rejection import Reason

SAID = {
    "SongprintDown": (
        "Its partitions move to the other workers once its session times out",
        "Status 1 is a stop on purpose and the last line says why. Status 137 is a kill",
        "do what the line says",
    ),
    "SongprintAbsent": (
        "nothing is deployed, or nothing is discovered",
        "Status → Targets",
        "If none runs: start them",
    ),
    "SongprintRestarts": (
        "something ends it soon after each start",
        "the last lines of the run before",
        "go back to the release before",
    ),
    "SongprintHangs": ("Until then they stand still", "`/livez` answers 503", "A restart is always safe"),
    "SongprintNotProgressing": (
        "by any worker",
        "`/readyz` of each worker",
        "restart the worker that owns the partition (`partitions assigned` in its log), which is always safe",
    ),
    "SongprintLagGrowing": (
        "more events have come than were labelled",
        "which stage grew?",
        "`read` and `cache` are Redis, `commit` is Kafka, `label` is the model",
    ),
    "SongprintSlow": ("its event's Kafka timestamp", "producers send old timestamps", "Without: correct the clocks"),
    "SongprintDeadLetters": (
        "others are labelled as ever",
        "worker dlq list",
        "Tell the producer what the message says",
    ),
    "SongprintInferenceFails": ("no finite answer", "`inference failed`", "go back to the one before"),
    "SongprintAborts": ("an aborted batch is read again", "`stepping back` name the cause", "give each its own"),
    "SongprintRestoreSlow": ("their events wait", "`/readyz` names them", "more workers share the work"),
    "SongprintRedisMissing": ("keep their partitions, and go on by themselves", "worker check", "Bring it back"),
    "SongprintKafkaMissing": (
        "brokers do not answer, or refuse for now",
        "kcat -L -b",
        "Bring the brokers back. The workers go on by themselves; a restart does not help",
    ),
    "SongprintLabelDrift": (
        "is not to be relied upon while this lasts",
        "Is [SongprintInputDrift](#songprintinputdrift) firing too?",
        "validate it again, or go back",
    ),
    "SongprintInputDrift": (
        "with more songs that the model does not know",
        "song ids are written otherwise than in training",
        "look for the producer that changed ids; correct it. Slow: train a new model",
    ),
    "SongprintModelsDiffer": (
        "what a user is told depends on the partition",
        '"Model", by instance',
        "the same bundle to all workers",
    ),
    "SongprintModelRefused": ("It goes on with the model that it has", "worker check --bundle", "rename it into place"),
    "SongprintModelOutOfDate": (
        "Songs and tastes have moved on",
        '"Known songs"',
        "Train a new one on recent data; compare its figures",
    ),
}
"""Alert → what the runbook says under Means, Confirm and Do."""


def test_every_alert_has_its_words_looked_for() -> None:
    assert sections().keys() - {CANNOT_SEE} == SAID.keys()


@pytest.mark.parametrize("alert", SAID)
def test_a_runbook_says_what_an_alert_means_how_to_confirm_it_and_what_to_do(alert: str) -> None:
    parts = re.split(r"\*\*(?:Means|Confirm|Do)\.\*\*", sections()[alert])[1:]
    assert [words for words, part in zip(SAID[alert], parts, strict=True) if words not in part] == []


def logged() -> list[str]:
    """Every message that a worker may log."""
    sources = "\n".join(path.read_text() for path in sorted((ROOT / "worker").rglob("*.py")))
    return re.findall(r'\blog\.\w+\(\s*"([^"]+)"', sources)


def test_the_lines_of_the_log_that_a_runbook_names_are_lines_that_a_worker_writes() -> None:
    text = " ".join((ROOT / "docs" / "runbooks.md").read_text().split())
    named = {words for words in re.findall(r"`([a-z][a-z' ]+)`", text) if any(words in line for line in logged())}
    assert named >= {
        "stepping back",
        "partition restored",
        "starting",
        "partitions assigned",
        "restore has to wait",
        "inference failed",
        "partitions are nobody's",
        "a partition with events delivers none",
    }


def test_the_reasons_of_dead_letters_that_a_runbook_names_are_those_of_the_worker() -> None:
    named = set(re.findall(r"`([a-z]+(?:_[a-z]+)*(?:_…)?)`", sections()["SongprintDeadLetters"]))
    reasons = {reason.value for reason in Reason}
    assert {"not_json", "invalid", "unknown_type", "too_many_songs"} <= named & reasons
    assert "key_…" in named
    assert any(reason.startswith("key_") for reason in reasons)
