"""worker label: one playlist's label, without Kafka."""

import argparse
from pathlib import Path
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from worker.contract.bundle import BundleError, load_bundle, read_songs
from worker.contract.user_label import judge
from worker.errors import Stop
from worker.inference.labeller import InferenceError, Labeller
from worker.inference.song_search import Found, SongSearch, Unknown

HELP = "label one playlist, by song ids or titles, without Kafka"


class Answer(msgspec.Struct, frozen=True):
    """What `--json` prints."""

    gender: str | None
    """Null: the model abstains."""
    genders: dict[str, float]
    cluster: str
    cluster_id: int
    clusters: list[float]
    known_songs: int
    model: str
    found: list[Found]
    unknown: list[Unknown]


class Playlist(NamedTuple):
    found: list[Found]
    unknown: list[Unknown]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, required=True, metavar="DIR", help="what `python -m export` wrote")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("songs", nargs="+", metavar="SONG", help="a song's id, or its title in any case")


def run(arguments: argparse.Namespace) -> int:
    """Print the label. Raises Stop if the bundle cannot be used or knows none of the songs."""
    try:
        bundle = load_bundle(arguments.bundle)
        labeller = Labeller.load(bundle)
        playlist = _search(SongSearch(read_songs(bundle)), arguments.songs)
        remarks = Console(stderr=True, soft_wrap=True, highlight=False)
        for line in _remarks(playlist):
            remarks.print(line, markup=False)
        if not playlist.found:
            raise Stop(f"the model {bundle.version} knows none of these songs; give ids or titles of its songs.json")
        answer = _answer(labeller, playlist)
    except (BundleError, InferenceError) as error:
        raise Stop(str(error)) from error
    if arguments.json:
        print(msgspec.json.encode(answer).decode())
    else:
        _print(answer, labeller)
    return 0


def _search(search: SongSearch, asked: list[str]) -> Playlist:
    answers = [search.find(song) for song in asked]
    found = {answer.song_id: answer for answer in answers if isinstance(answer, Found)}
    return Playlist(list(found.values()), [answer for answer in answers if isinstance(answer, Unknown)])


def _remarks(playlist: Playlist) -> list[str]:
    remarks = [
        f"{song.asked!r}: {song.namesakes + 1} songs have this title; taken is {song.song_id} by "
        f"{song.artist or 'an unknown artist'}, which most users have. Give an id to choose another."
        for song in playlist.found
        if song.namesakes
    ]
    for song in playlist.unknown:
        hint = f"; did you mean {' or '.join(map(repr, song.suggestions))}?" if song.suggestions else ""
        remarks.append(f"{song.asked!r} is unknown to the model and left out{hint}")
    return remarks


def _answer(labeller: Labeller, playlist: Playlist) -> Answer:
    features = labeller.features([[song.song_id for song in playlist.found]])
    gender, cluster = labeller.run(features)
    verdict = judge(gender, cluster, features.song_counts, labeller.abstention)
    return Answer(
        gender=[*labeller.genders, None][verdict.genders[0]],
        genders=dict(zip(labeller.genders, gender[0].tolist(), strict=True)),
        cluster=labeller.cluster_names[verdict.clusters[0]],
        cluster_id=int(verdict.clusters[0]),
        clusters=cluster[0].tolist(),
        known_songs=len(playlist.found),
        model=labeller.version,
        found=playlist.found,
        unknown=playlist.unknown,
    )


def _print(answer: Answer, labeller: Labeller) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for song in answer.found:
        console.print(" - ".join(part for part in (song.title, song.artist, song.song_id) if part), markup=False)
    likeliest = max(answer.genders, key=answer.genders.__getitem__)
    table = Table("", "label", "probability")
    table.add_row("gender", answer.gender or f"none ({likeliest})", f"{answer.genders[likeliest]:.3f}")
    table.add_row(
        "cluster", escape(f"{answer.cluster_id} {answer.cluster}"), f"{answer.clusters[answer.cluster_id]:.3f}"
    )
    console.print(table)
    if answer.gender is None:
        least = labeller.abstention
        needed = f"{least.min_known_songs} known songs and a probability of {least.threshold:.3f}"
        console.print(f"A gender is published from {needed} on.")
    console.print(f"model {answer.model}", markup=False)
