"""Fuzz target: a bundle one file of which is any bytes, with a manifest that vouches for them. Only BundleError may
come out, and a bundle that is accepted has to work.

Without the right digest no byte of a file would ever be looked at; so the target is everything behind the digests.
"""

import atexit
import shutil
import tempfile
from pathlib import Path

from tests.small_bundle import export_small_bundle, replace_file
from worker.contract.bundle import BundleError, load_bundle
from worker.contract.manifest import FILES
from worker.inference.labeller import Labeller

MANIFEST = "manifest.json"
NAMES = (MANIFEST, *FILES)
MAX_BYTES = 10 << 20

_folder = Path(tempfile.mkdtemp(prefix="songprint-fuzz-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)
_good = export_small_bundle(_folder / "good")
_bundle = Path(shutil.copytree(_good, _folder / "bundle"))


def seeds() -> list[bytes]:
    """Every file of a good bundle as it is, and with one byte less."""
    patches = [bytes([number, 0, 0, 0, 0]) for number in range(len(NAMES))]
    return patches + [bytes([number, 1]) + (_good / name).read_bytes()[:-1] for number, name in enumerate(NAMES)]


def content_of(name: str, how: bytes) -> bytes:
    """What is put in the place of a file. First byte odd: the other bytes. Even: the good file with a byte here and
    there, each given by two bytes of position and one that is added to what is there."""
    if how[:1] and how[0] % 2:
        return how[1:]
    content = bytearray((_good / name).read_bytes())
    for at in range(1, len(how) - 2, 3):
        position = int.from_bytes(how[at : at + 2]) % len(content)
        content[position] = (content[position] + how[at + 2]) % 256
    return bytes(content)


def fuzz(data: bytes) -> None:
    """The first byte chooses the file."""
    name = NAMES[data[0] % len(NAMES)] if data else MANIFEST
    content = content_of(name, data[1:])
    if name == MANIFEST:
        (_bundle / name).write_bytes(content)
    else:
        replace_file(_bundle, name, content)
    try:
        labeller = Labeller.load(load_bundle(_bundle, MAX_BYTES))
        gender, cluster = labeller.run(labeller.features([["s1", "nowhere"]]))
        assert gender.shape == (1, len(labeller.genders))
        assert cluster.shape == (1, len(labeller.cluster_names))
    except BundleError as error:
        assert str(error), "whoever exported it has to know what is wrong"  # noqa: PT017
    finally:
        for each in {name, MANIFEST}:
            shutil.copyfile(_good / each, _bundle / each)
