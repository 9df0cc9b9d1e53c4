"""Write the codes of a data folder's users or images under a finished run, or its song vectors, as features."""

import argparse
from importlib import import_module
from pathlib import Path

from rich.console import Console

from training.commands.arguments import require_folder_of
from training.errors import TrainingError
from training.families import ENCODERS, run_family
from training.run_folder import read_summary


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="a run folder that fit wrote")
    parser.add_argument("--data", type=Path, metavar="DIR", help="whose codes to write; song vectors need none")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.parquet", help="a row for each of them")
    parser.add_argument(
        "--reconstructions",
        type=Path,
        metavar="FILE.npy",
        help="of images, also what the model makes of each: repaired, where the recipe is a denoising one",
    )


def run(arguments: argparse.Namespace, console: Console) -> None:
    """Encode, and say what was written."""
    require_folder_of(arguments.out)
    family = run_family(read_summary(arguments.run_folder))
    if arguments.data is None and family != "song_vectors":
        raise TrainingError(f"{arguments.run_folder} is a run of {family}; give the data to encode with --data DIR")
    more = {}
    if arguments.reconstructions:
        if family != "images":
            raise TrainingError(
                f"{arguments.run_folder} is a run of {family}, and only images are reconstructed; leave out "
                "--reconstructions"
            )
        require_folder_of(arguments.reconstructions, "--reconstructions")
        more["reconstructions"] = arguments.reconstructions
    with console.status("encoding"):
        encode_folder = import_module(ENCODERS[family]).encode_folder
        written = encode_folder(arguments.run_folder, arguments.data, arguments.out, **more)
    console.print(f"{arguments.out}: {written}", highlight=False, soft_wrap=True)
