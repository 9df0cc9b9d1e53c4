"""`worker relabel`: label all users again with the model in use."""

import argparse
import time

from rich.console import Console

from worker.assemble import kafka_topics, patient, redis_states, topics_of
from worker.errors import Stop
from worker.settings import load_settings

HELP = "Have the running workers label all users again with the present model."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--wait", type=float, default=600, metavar="S", help="seconds to wait for the end (600)")


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.config, {})
    if not settings.model.relabel:
        raise Stop("relabelling is off (SONGPRINT_MODEL__RELABEL): the workers would not do it")
    kafka = kafka_topics(settings)
    facts = patient(kafka.facts, settings.kafka.startup_timeout_s)
    partitions = range(kafka.identity(facts).partitions)
    cache = redis_states(settings)
    for partition in partitions:
        cache.request_relabel(partition, wanted=True)
    given_up = time.monotonic() + arguments.wait
    with Console().status("asking the workers") as status:
        while waiting := [number for number in partitions if cache.relabel_requested(number)]:
            status.update(f"relabelling: {len(waiting)} of {len(partitions)} partitions to go")
            if time.monotonic() > given_up:
                raise Stop(
                    f"partitions {waiting} are not relabelled after {arguments.wait:g} s; the request stays until they "
                    f"are. Are the workers of the group {settings.kafka.group} running and ready?"
                )
            time.sleep(0.2)
    print(f"all users with an event in {topics_of(settings).events} are labelled again")
    return 0
