"""`worker topics`: the four topics, as the protocol needs them."""

import argparse

from rich.console import Console
from rich.table import Table

from worker.adapters.kafka_topics import plan
from worker.assemble import kafka_topics, patient, topics_of
from worker.settings import load_settings

HELP = "Show the topics, or create those that are missing."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--create", action="store_true", help="create the topics that are missing")
    parser.add_argument("--partitions", type=int, default=8, help="partitions of the new topics (default: 8)")
    parser.add_argument("--replication", type=int, default=-1, help="copies of each (default: the brokers' default)")
    parser.add_argument("--retention-days", type=int, default=7, help="how long events are kept (default: 7)")


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.config, {})
    kafka = kafka_topics(settings)
    facts = patient(kafka.facts, settings.kafka.startup_timeout_s)
    if arguments.create:
        # The changelog follows the events topic, which is often there before.
        events = facts.get(settings.kafka.events_topic)
        partitions = events.partitions if events else arguments.partitions
        wanted = plan(topics_of(settings), partitions, arguments.retention_days * 86_400_000)
        for name in kafka.create(wanted, arguments.replication):
            print(f"created {name}")
        facts = patient(kafka.facts, settings.kafka.startup_timeout_s)
    table = Table(box=None, pad_edge=False)
    for column in ("topic", "partitions", "cleanup", "keeps"):
        table.add_column(column)
    for name in topics_of(settings):
        if name in facts:
            config = facts[name].config
            compacted = config["cleanup.policy"] == "compact"
            kept = config["delete.retention.ms" if compacted else "retention.ms"]
            what = f"erased users' tombstones {_hours(kept)}" if compacted else f"records {_hours(kept)}"
            table.add_row(name, str(facts[name].partitions), config["cleanup.policy"], what)
        else:
            table.add_row(name, "missing", "", "")
    Console().print(table)
    return 0 if len(facts) == len(topics_of(settings)) else 1


def _hours(milliseconds: str) -> str:
    return "for ever" if int(milliseconds) < 0 else f"for {int(milliseconds) / 3_600_000:g} h"
