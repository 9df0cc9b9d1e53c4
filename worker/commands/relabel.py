"""`worker relabel`: label all users again with the model in use."""

import argparse
import time

from rich.console import Console

from worker.assemble import kafka_topics, patient, redis_states, topics_of
from worker.errors import Stop
from worker.settings import load_settings

HELP = "Ask the running workers to label all users again with the present model."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--wait", type=float, default=60, metavar="S", help="seconds to wait for the workers to take it"
    )


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.config, {})
    if not settings.model.relabel:
        raise Stop("relabelling is off (SONGPRINT_MODEL__RELABEL): the workers would not do it")
    kafka = kafka_topics(settings)
    facts = patient(kafka.facts, settings.kafka.startup_timeout_s)
    identity = kafka.identity(facts)
    cache = redis_states(settings)
    for partition in range(identity.partitions):
        cache.request_relabel(partition, wanted=True)
    given_up = time.monotonic() + arguments.wait
    with Console().status("waiting for the workers to take the request"):
        while waiting := [number for number in range(identity.partitions) if cache.relabel_requested(number)]:
            if time.monotonic() > given_up:
                raise Stop(
                    f"no worker has taken the request for partitions {waiting} within {arguments.wait:g} s; it stays "
                    f"until one does. Are the workers of the group {settings.kafka.group} running and ready?"
                )
            time.sleep(0.2)
    print(
        f"the workers label all users again, at most {settings.model.relabel_rate:g} a second each; follow "
        f"songprint_relabels_total, or read {topics_of(settings).labels}"
    )
    return 0
