"""`worker load`: a data folder's playlists as snapshot events."""

import argparse
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from rich.progress import track

from worker.adapters.kafka_client import make_client
from worker.adapters.kafka_errors import error_of, sorted_error
from worker.errors import Retry, Stop
from worker.passed_options import refuse_wrong_options
from worker.plays import read_playlists
from worker.settings import Settings, load_settings

Item = TypeVar("Item")

HELP = "Publish a data folder's playlists as snapshot events (backfill)."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder with plays as .csv, .tsv or .parquet")
    parser.add_argument("--users", type=_count, metavar="N", help="only the first N users")
    parser.add_argument("--rate", type=_rate, metavar="N", help="at most N a second; by default as fast as can be")


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return count


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1,000,000")
    return rate


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.config, {})
    playlists = read_playlists(arguments.folder)
    if arguments.users:
        playlists = dict(list(playlists.items())[: arguments.users])
    failures = _publish(settings, playlists, arguments.rate)
    if failures:
        told = sorted_error(failures[0], f"publishing playlists to {settings.kafka.events_topic}")
        again = "; run the command again" if isinstance(told, Retry) else ""
        raise Stop(f"{len(failures)} of {len(playlists)} events were not accepted. {told}{again}")
    print(f"published {len(playlists)} snapshots to {settings.kafka.events_topic}")
    return 0


def _publish(settings: Settings, playlists: Mapping[str, list[str]], rate: float | None) -> list[KafkaError]:
    """Publishes one snapshot for each user; returns why records were refused, empty when all went well."""
    refuse_wrong_options(settings.kafka)
    producer = make_client(
        Producer,
        {
            "linger.ms": 20,
            "compression.type": "lz4",
            **settings.kafka.client_options(),
            "partitioner": "murmur2_random",  # as every producer of this topic, or a user would get two states
            "enable.idempotence": True,
            "message.timeout.ms": int(settings.kafka.startup_timeout_s * 1000),
        },
    )
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error)

    snapshots = track(list(_snapshots(playlists)), description="publishing", transient=True)
    try:
        for user, value in paced(snapshots, rate, time.monotonic, producer.poll) if rate else snapshots:
            while True:
                try:
                    producer.produce(settings.kafka.events_topic, value, user, on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.1)
            if failures:
                break
            producer.poll(0)
        producer.flush()
    except KafkaException as exception:
        raise sorted_error(error_of(exception), "publishing playlists") from exception
    return failures


def paced(
    items: Iterable[Item], rate: float, clock: Callable[[], float], wait: Callable[[float], object]
) -> Iterator[Item]:
    """`items`, at most `rate` a second; what was late is not made up for in a burst."""
    due = clock()
    for item in items:
        while (early := due - clock()) > 0:
            wait(early)
        due = max(due, clock()) + 1 / rate
        yield item


def _snapshots(playlists: Mapping[str, list[str]]) -> Iterator[tuple[str, bytes]]:
    for user, songs in playlists.items():
        yield user, msgspec.json.encode({"type": "snapshot", "songs": songs})
