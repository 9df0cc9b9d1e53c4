"""`worker check` finds every misconfiguration that a runbook speaks of, or the runbooks say where else it shows.

That a finding comes when it should is tested beside the checks; here the two lists are held together.
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CANNOT_SEE = "What check cannot see"
FOUND = {
    "SongprintDown": {
        "look at `SONGPRINT_HTTP__HOST`": "set SONGPRINT_HTTP__HOST to 0.0.0.0",
        "lower `SONGPRINT_POLICY__MAX_HOT_BYTES`": "the container may have: it would be killed",
        "the network policy between Prometheus and port 9464": CANNOT_SEE,
    },
    "SongprintAbsent": {"correct the scrape configuration": CANNOT_SEE},
    "SongprintRestarts": {"status 137 is memory": "the container may have: it would be killed"},
    "SongprintHangs": {"look at `SONGPRINT_REDIS__TIMEOUT_S`": "set SONGPRINT_REDIS__TIMEOUT_S well below"},
    "SongprintNotProgressing": {},
    "SongprintLagGrowing": {
        "up to one per partition": "partitions: some have none",
        "the retention of `playlist-events`": "is rid of every record after",
    },
    "SongprintSlow": {"the clocks of producers and workers differ": CANNOT_SEE},
    "SongprintDeadLetters": {"`SONGPRINT_POLICY__MAX_SONGS`": "or lower SONGPRINT_POLICY__MAX_SONGS"},
    "SongprintInferenceFails": {},
    "SongprintAborts": {
        "two processes have the same `SONGPRINT_KAFKA__INSTANCE`": "is a member already, at",
        "raise `SONGPRINT_KAFKA__TRANSACTION_TIMEOUT_MS` (and the session timeout above it)": "transaction_timeout_ms",
    },
    "SongprintRestoreSlow": {},
    "SongprintRedisMissing": {
        "whether it answers": "answers; it is",
        "evicts": "drops states at will",
        "is full": "when it is full, every worker stands still",
        "raise `maxmemory`": "has no maxmemory",
        "is a replica": "is a replica, which refuses writes",
        "compare its ACL": "refuses this user",
    },
    "SongprintKafkaMissing": {"Less than `min.insync.replicas`": "so it cannot be written"},
    "SongprintLabelDrift": {},
    "SongprintInputDrift": {},
    "SongprintModelsDiffer": {"Bring the same bundle to all workers": CANNOT_SEE},
    "SongprintModelRefused": {"says which file": "Export the run again"},
    "SongprintModelOutOfDate": {"trained over 180 days ago": "was trained {days"},
}
"""Alert → what its runbook says may be set up wrongly → in which words check tells it."""
SPOKEN = [(alert, words, found) for alert, said in FOUND.items() for words, found in said.items()]


IN_PASSING = {
    ("SongprintDown", "SONGPRINT_KAFKA__SESSION_TIMEOUT_MS"): "tells how long something takes",
    ("SongprintRestoreSlow", "SONGPRINT_KAFKA__TRANSACTION_TIMEOUT_MS"): "tells how long something takes",
    ("SongprintNotProgressing", "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS"): "part of a command",
    ("SongprintDeadLetters", "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS"): "part of a command",
    ("SongprintKafkaMissing", "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS"): "part of a command",
}
"""Settings that a runbook names and does not say to be wrong, with what it names them for."""


def sections() -> dict[str, str]:
    """The runbooks by heading, with single spaces."""
    _, *parts = re.split(r"^## ", (ROOT / "docs" / "runbooks.md").read_text(), flags=re.MULTILINE)
    return {head: " ".join(text.split()) for head, _, text in (part.partition("\n") for part in parts)}


def words_of_the_worker() -> str:
    """Its sources, with text that goes on in the next line put together."""
    joined = "\n".join(path.read_text() for path in sorted((ROOT / "worker").rglob("*.py")))
    return re.sub(r'"\s*\n\s*f?"', "", joined)


def test_every_runbook_is_looked_through() -> None:
    assert sections().keys() - {CANNOT_SEE} == FOUND.keys()


@pytest.mark.parametrize(("alert", "words", "found"), SPOKEN, ids=[f"{alert}: {words}" for alert, words, _ in SPOKEN])
def test_what_a_runbook_says_may_be_wrong_is_found_by_check(alert: str, words: str, found: str) -> None:
    assert words in sections()[alert]
    if found != CANNOT_SEE:
        assert found in words_of_the_worker()


def test_every_setting_that_a_runbook_names_is_looked_for() -> None:
    setting = re.compile(r"SONGPRINT_[A-Z_]*[A-Z]")
    named = {(alert, name) for alert in FOUND for name in setting.findall(sections()[alert])}
    looked_for = {(alert, name) for alert, said in FOUND.items() for words in said for name in setting.findall(words)}
    assert looked_for.isdisjoint(IN_PASSING)
    assert named == looked_for | set(IN_PASSING)


def test_what_check_cannot_see_is_said() -> None:
    for what in (
        "the scrape configuration",
        "the network policy",
        "rules that Prometheus has not loaded",
        "clocks",
        "another worker's bundle, memory or settings",
        "rights to the transactional id",
    ):
        assert what in sections()[CANNOT_SEE]
