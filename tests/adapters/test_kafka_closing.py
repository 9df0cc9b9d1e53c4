"""A consumer that is closed while partitions still wait to be taken takes them first; else librdkafka may never return.

Each is closed in a process of its own, as one that hangs there cannot be ended by anything but SIGKILL.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.adapters.logs import KafkaLog
from tests.stream import PATIENCE

ROOT = Path(__file__).parents[2]
MEMBER = """
from confluent_kafka.admin import AdminClient
from tests.adapters.logs import Owner
from worker.adapters import kafka_source
from worker.assemble import consumer_options
from worker.settings import load_settings

settings = load_settings(None, {})
options = consumer_options(settings)
# Without a logger of Python's, which is told in polls alone, librdkafka says at once on stderr what it does.
kafka_source.make_client = lambda kind, options: kind({**options, "debug": "cgrp"})
admin = AdminClient(settings.kafka.client_options())
source = kafka_source.KafkaSource(options, admin, settings.kafka.events_topic, incremental=INCREMENTAL)
owner = Owner()
source.subscribe(owner)
input()
source.CLOSING()
print(owner.told)
if "CLOSING" != "close":
    source.close()
"""


@pytest.mark.parametrize("closing", ["close", "_join_anew"])
@pytest.mark.parametrize("assignment", ["cooperative-sticky", "range"])
def test_partitions_that_wait_to_be_taken_are_taken_before_the_consumer_is_closed(
    kafka_log: KafkaLog, closing: str, assignment: str
) -> None:
    incremental = assignment == "cooperative-sticky"
    code = MEMBER.replace("CLOSING", closing).replace("INCREMENTAL", str(incremental))
    environment = {**kafka_log.environment, "SONGPRINT_KAFKA__ASSIGNMENT": assignment}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env=environment,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as member:
        try:
            assert member.stderr
            said = []
            for line in member.stderr:
                said.append(line)
                if "-> wait-assign-call" in line:
                    break
            else:
                pytest.fail("".join(said))
            told, rest = member.communicate("\n", PATIENCE)
        finally:
            member.kill()
    assert member.returncode == 0, rest
    assert told == "[('assigned', [0, 1]), ('revoked', [0, 1])]\n"
    assert re.findall(r"received op TERMINATE in state up \(join-state (\S+)\)", rest)[0] == "steady"
