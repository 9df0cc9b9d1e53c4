"""Compare ways to cluster the users of a run by their codes: K-means, which is served, and others beside it."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from training.cluster_scores import seed_words
from training.commands.arguments import add_data, add_seed, positive, require_folder_of
from training.compare_taste import Compared, compare_taste, read_truth
from training.datasets.load import load_playlists
from training.encode import align_songs
from training.families import require_family
from training.markdown import markdown, mean_and_deviation
from training.run_folder import read_serving, read_songs, read_summary
from training.watch import progress_bar


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder that fit wrote")
    add_data(parser)
    parser.add_argument("--clusters", type=positive, metavar="N", help="how many (default: as many as the run found)")
    parser.add_argument("--seeds", type=positive, default=5, metavar="N", help="fits of each (default %(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="all figures")
    add_seed(parser)


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Compare, store, and print the table."""
    require_folder_of(arguments.out)
    summary = read_summary(arguments.run_folder)
    require_family(arguments.run_folder, summary, "playlists")
    serving, clustering = read_serving(arguments.run_folder, summary)
    with console.status("encoding"):
        data = load_playlists(arguments.data)
        codes = serving.codes(align_songs(data, read_songs(arguments.run_folder)["song_id"]))
        truth = read_truth(arguments.data, data.user_ids)
    clusters = arguments.clusters or len(clustering.centroids)
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    with progress_bar(console) as watch:
        compared = compare_taste(codes, truth, clusters, seeds, watch)
    stored = {"clusters": clusters, "methods": {name: asdict(one) for name, one in compared.items()}}
    arguments.out.write_text(json.dumps(stored, indent=1, allow_nan=False) + "\n", "utf-8")
    print(f"{clusters} clusters of {summary['recipe']['name']}'s codes; {seed_words(len(seeds))}\n")
    print("\n".join(markdown(_rows(compared))))


def _rows(compared: dict[str, Compared]) -> list[list[str]]:
    figures = ("stability (ARI)", "worst", "ARI with the planted truth", "worst", "silhouette")
    head = ["method", *figures, "greatest cluster", "seconds"]
    rows = []
    for name, one in compared.items():
        cells = []
        for values in (one.stability, one.truth):
            cells += [mean_and_deviation(values), f"{min(values):.4f}"] if values else ["", ""]
        greatest = f"{sum(one.greatest) / len(one.greatest):.1%}"
        seconds = f"{sum(one.seconds) / len(one.seconds):.1f}"
        rows.append([name, *cells, mean_and_deviation(one.silhouette), greatest, seconds])
    return [head, *rows]
