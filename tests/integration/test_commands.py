"""The operator's commands, run as an operator runs them, on real servers."""

import gzip
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from confluent_kafka import TopicPartition

from tests.any_redis import any_redis
from tests.stream import PATIENCE, Stream


def command(stream: Stream, *words: str) -> "subprocess.CompletedProcess[str]":
    line: Sequence[str] = [sys.executable, "-m", "worker", *words]
    return subprocess.run(line, env=stream.environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


@any_redis
def test_topics_are_created_and_shown(stream: Stream) -> None:
    stream.environment["SONGPRINT_KAFKA__LABELS_TOPIC"] = f"{stream.topics.labels}-new"
    before = command(stream, "topics")
    assert before.returncode == 1
    assert "missing" in before.stdout
    done = command(stream, "topics", "--create")
    assert done.returncode == 0, done.stderr
    assert f"created {stream.topics.labels}-new" in done.stdout
    assert "missing" not in done.stdout
    again = command(stream, "topics", "--create")
    assert again.returncode == 0
    assert "created" not in again.stdout


@any_redis
def test_new_topics_fit_the_events_topic_that_is_there(stream: Stream) -> None:
    """A changelog of another number of partitions would be refused by the worker."""
    stream.environment["SONGPRINT_KAFKA__STATE_TOPIC"] = f"{stream.topics.states}-new"
    stream.environment["SONGPRINT_KAFKA__DEAD_LETTER_TOPIC"] = f"{stream.topics.dead_letters}-new"
    stream.environment["COLUMNS"] = "200"
    done = command(stream, "topics", "--create", "--partitions", "7", "--retention-days", "2")
    assert done.returncode == 0, done.stderr
    shown = dict(re.findall(r"^(\S+-new) +(\d.*)$", done.stdout, re.MULTILINE))
    assert shown[f"{stream.topics.states}-new"].split()[:2] == ["4", "compact"]
    assert shown[f"{stream.topics.dead_letters}-new"].split() == ["1", "delete", "records", "for", "48", "h"]


@any_redis
def test_a_data_folder_is_loaded_as_snapshots(stream: Stream, tmp_path: Path) -> None:
    with gzip.open(tmp_path / "plays.tsv.gz", "wt") as file:
        file.write("user_id\tsong_id\nanna\ts1\nben\ts2\nanna\ts3\n")
    done = command(stream, "load", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "published 2 snapshots" in done.stdout
    with stream.worker():
        labels = stream.labels(2)
    assert {record.label["user"]: record.label["songs"] for record in labels} == {"anna": 2, "ben": 1}


@any_redis
def test_what_is_loaded_is_in_the_partitions_where_all_producers_put_it(stream: Stream, tmp_path: Path) -> None:
    """Or a user would get two states; 12 users, since two partitioners agree on some by chance."""
    users = [f"u{number}" for number in range(12)]
    (tmp_path / "plays.csv").write_text("user_id,song_id\n" + "".join(f"{user},s1\n" for user in users))
    assert command(stream, "load", str(tmp_path)).returncode == 0
    for user in users:
        stream.send(user, {"type": "change", "add": ["s2"]})
    stream.flush()
    events = stream.read(stream.topics.events, 24)
    assert len({(event.key, event.partition) for event in events}) == 12


@any_redis
def test_loading_nothing_says_what_is_missing(stream: Stream, tmp_path: Path) -> None:
    done = command(stream, "load", str(tmp_path))
    assert done.returncode == 1
    assert "plays.csv" in done.stderr
    assert "Traceback" not in done.stderr


@any_redis
def test_a_reset_begins_anew_from_the_earliest_event(stream: Stream) -> None:
    with stream.worker():
        stream.send("u", {"type": "snapshot", "songs": ["s1"]})
        stream.send("u", {"type": "change", "add": ["s2"]})
        stream.flush()
        stream.labels(2)
    refused = command(stream, "reset")
    assert refused.returncode == 1
    assert "--yes" in refused.stderr
    done = command(stream, "reset", "--yes")
    assert done.returncode == 0, done.stderr
    assert stream.states() == []
    with stream.worker():
        labels = stream.labels(4)
    assert [record.label["songs"] for record in labels] == [1, 2, 1, 2]


@any_redis
def test_a_reset_while_a_worker_runs_is_refused(stream: Stream) -> None:
    with stream.worker():
        done = command(stream, "reset", "--yes")
    assert done.returncode == 1
    assert "stop these workers first" in done.stderr


@any_redis
def test_lost_offsets_stop_the_worker_and_name_the_mend(stream: Stream) -> None:
    with stream.worker():
        stream.send("u", {"type": "snapshot", "songs": ["s1"]})
        stream.flush()
        stream.labels(1)
    group = stream.group
    group.wait_until_empty(PATIENCE)
    group.delete()
    worker = stream.start()
    assert worker.process.wait(PATIENCE) == 1
    assert "committed no offset, but the changelog holds states" in worker.output()
    assert "worker reset" in worker.output()


@any_redis
def test_a_changelog_made_anew_under_the_group_stops_the_worker(stream: Stream) -> None:
    with stream.worker():
        stream.send("u", {"type": "snapshot", "songs": ["s1"]})
        stream.flush()
        stream.labels(1)
    facts = stream.admin.facts()[stream.topics.states]
    stream.admin.recreate(stream.topics.states, 4, facts)
    worker = stream.start()
    assert worker.process.wait(PATIENCE) == 1
    assert "Topics were made anew" in worker.output()


@any_redis
def test_a_changelog_with_other_partitions_is_refused(stream: Stream) -> None:
    facts = stream.admin.facts()[stream.topics.states]
    stream.admin.recreate(stream.topics.states, 3, facts)
    worker = stream.start()
    assert worker.process.wait(PATIENCE) == 1
    assert "has 4 partitions" in worker.output()
    assert "has 3" in worker.output()


@any_redis
def test_deleted_events_stop_the_worker(stream: Stream) -> None:
    with stream.worker():
        stream.send("u", {"type": "snapshot", "songs": ["s1"]})
        stream.flush()
        (label,) = stream.labels(1)
    for _ in range(3):
        stream.send("u", {"type": "change", "add": ["s2"]})
    stream.flush()
    part = TopicPartition(stream.topics.events, label.partition, 3)
    stream.admin.admin.delete_records([part])[part].result(PATIENCE)
    worker = stream.start()
    assert worker.process.wait(PATIENCE) == 1
    assert "were deleted before they were processed" in worker.output()
