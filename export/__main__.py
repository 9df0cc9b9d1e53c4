"""python -m export RUN --out DIR: write a run's bundle, compared with TensorFlow in the worker's own code."""

import argparse
import os
import sys
from pathlib import Path

from rich.console import Console

from export.errors import ExportError

# Before TensorFlow is imported, which greets every user with its build options otherwise.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    console = Console(stderr=True)
    from export.export import export_bundle  # noqa: PLC0415  (--help answers at once)

    try:
        with console.status("exporting") as status:
            exported = export_bundle(options.run, options.out, options.name, status.update)
    except (ExportError, OSError) as error:
        console.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    print(f"{options.out}: {exported.version}, {exported.size / 1e6:.1f} MB")
    print(f"largest difference to TensorFlow in a probability: {exported.difference:.1e}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m export", description="Write and verify the bundle of a training run."
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="folder that `python -m training fit` wrote")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the bundle; an older one is replaced")
    parser.add_argument("--name", type=_name, help="first part of the model's version (default: the recipe's name)")
    return parser


def _name(text: str) -> str:
    if not text or len(text) > 64 or not all(character.isalnum() or character in "_." for character in text):
        raise argparse.ArgumentTypeError("1 to 64 letters, digits, dots and underscores")
    return text


if __name__ == "__main__":
    sys.exit(main())
