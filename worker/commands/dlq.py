"""`worker dlq`: show dead letters, and send their events back."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import track
from rich.table import Table

from worker.adapters.kafka_dead_letters import KafkaDeadLetters, Letter, Place
from worker.contract.rejection import Reason
from worker.errors import Stop
from worker.passed_options import refuse_wrong_options
from worker.settings import Settings, load_settings

HELP = "Show dead letters, and send their events back once they can succeed."
REPLAY_HELP = """Send the events of dead letters back to the events topic, byte for byte. Without PLACE: of all letters
that no replay has passed yet, except those whose events were sent back before and failed again. An event that is sent
back is applied after everything its user has done since."""
BATCH_LETTERS = 500
BATCH_BYTES = 16 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True)
    shown = actions.add_parser("list", help="show dead letters", description="Show dead letters, the latest last.")
    shown.add_argument("--reason", choices=[reason.value for reason in Reason], help="only those of this reason")
    shown.add_argument("--last", type=_count, metavar="N", help="only the last N of each partition")
    shown.add_argument("--places", action="store_true", help="print nothing but PARTITION:OFFSET, for `dlq replay`")
    replay = actions.add_parser("replay", help="send the events of dead letters back", description=REPLAY_HELP)
    replay.add_argument(
        "places", nargs="*", type=_place, metavar="PLACE", help="PARTITION:OFFSET, as `dlq list --places` has it"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _place(text: str) -> Place:
    partition, colon, offset = text.partition(":")
    if not (colon and partition.isdecimal() and offset.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not PARTITION:OFFSET, for example 0:17")
    return int(partition), int(offset)


def run(arguments: argparse.Namespace) -> int:
    settings = load_settings(arguments.config, {})
    kafka = settings.kafka
    refuse_wrong_options(kafka)
    letters = KafkaDeadLetters(kafka.client_options(), kafka.dead_letter_topic, f"{kafka.group}.dlq-replay")
    try:
        if arguments.action == "list":
            return _list(letters, arguments)
        return _replay_some(letters, settings, arguments.places) if arguments.places else _replay(letters, settings)
    finally:
        letters.close()


def _list(letters: KafkaDeadLetters, arguments: argparse.Namespace) -> int:
    spans = letters.bounds()
    if arguments.last:
        spans = {partition: (max(start, end - arguments.last), end) for partition, (start, end) in spans.items()}
    wanted = (
        letter for letter in letters.read(spans) if arguments.reason in (None, letter.about.get("songprint.reason"))
    )
    if arguments.places:
        for letter in wanted:
            print(f"{letter.partition}:{letter.offset}")
    else:
        _show(sorted(wanted, key=lambda letter: letter.timestamp))
    return 0


def _show(letters: list[Letter]) -> None:
    table = Table(box=None, pad_edge=False)
    for column in ("place", "event's time", "came from", "reason", "bytes", "replayed", "message"):
        table.add_column(column, overflow="fold")
    for letter in letters:
        about = letter.about
        table.add_row(
            f"{letter.partition}:{letter.offset}",
            datetime.fromtimestamp(letter.timestamp / 1000, UTC).isoformat(" ", "seconds"),
            " ".join(about.get(f"__connect.errors.{name}", "?") for name in ("topic", "partition", "offset")),
            about.get("songprint.reason", "?"),
            "dropped" if letter.dropped else str(len(letter.value or b"")),
            "yes" if letter.replayed else "",
            about.get("__connect.errors.exception.message", ""),
        )
    console = Console(highlight=False, markup=False)
    console.print(table if letters else "no dead letters")


def _replay_some(letters: KafkaDeadLetters, settings: Settings, places: list[Place]) -> int:
    """Exactly the letters at these places, whatever was replayed before."""
    wanted = set(places)
    bounds = letters.bounds()
    spans: dict[int, tuple[int, int]] = {}
    for partition in {partition for partition, _ in wanted}:
        offsets = [offset for number, offset in wanted if number == partition]
        low, high = bounds.get(partition, (0, 0))
        spans[partition] = (max(low, min(offsets)), min(high, max(offsets) + 1))
    found = [letter for letter in letters.read(spans) if letter.place in wanted]
    missing = wanted - {letter.place for letter in found}
    useless = [letter.place for letter in found if letter.dropped]
    if missing or useless:
        what, some = ("there is no dead letter", sorted(missing)) if missing else ("the event was not kept", useless)
        places_text = ", ".join(f"{partition}:{offset}" for partition, offset in some[:10])
        raise Stop(f"{what} at {places_text}; nothing was sent. `python -m worker dlq list` shows what there is")
    letters.open()
    for batch in _batches(found):
        letters.replay(batch, settings.kafka.events_topic, {})
    print(f"sent {len(found)} events back to {settings.kafka.events_topic}")
    return 0


def _replay(letters: KafkaDeadLetters, settings: Settings) -> int:
    """All letters that no replay has passed yet; each batch is sent together with the place where it ends."""
    bounds = letters.bounds()
    passed = letters.passed(bounds)
    spans = {number: (max(low, passed.get(number, 0)), high) for number, (low, high) in bounds.items()}
    total = sum(end - start for start, end in spans.values())
    letters.open()
    sent, left = 0, 0
    ends = {number: start for number, (start, _) in spans.items()}
    found = track(letters.read(spans), "replaying", total, console=Console(stderr=True), transient=True)
    for batch in _batches(found):
        good = [letter for letter in batch if not (letter.dropped or letter.replayed)]
        ends |= {letter.partition: letter.offset + 1 for letter in batch}
        letters.replay(good, settings.kafka.events_topic, ends)
        sent, left = sent + len(good), left + len(batch) - len(good)
    if left:
        print(f"left out {left} whose events failed again after a replay, or were not kept", file=sys.stderr)
    print(f"sent {sent} events back to {settings.kafka.events_topic}")
    return 0


def _batches(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    """Bounded in number and, but for a single large letter, in bytes."""
    rest = iter(letters)
    batch: list[Letter] = []
    size = 0
    for letter in rest:
        batch.append(letter)
        size += len(letter.value or b"")
        if len(batch) == BATCH_LETTERS or size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
