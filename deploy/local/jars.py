"""Kafka's jars: fetched once, kept in the user's cache folder, and never used unless every digest is the pinned one."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import LocalStackError

KAFKA_VERSION = "4.3.0"
# Kafka brings no logging backend; without one its log would stay empty.
ARTIFACTS = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
DIGESTS = Path(__file__).with_name(f"kafka-{KAFKA_VERSION}.sha256")

PAUSES = (2.0, 5.0)  # seconds between the attempts to fetch
RESOLVE_SECONDS = 600


def default_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "songprint"


def pinned_digests(file: Path = DIGESTS) -> dict[str, str]:
    """SHA-256 by file name, from a file as sha256sum writes and checks it."""
    lines = (line.split() for line in file.read_text(encoding="utf-8").splitlines())
    return {name: digest for digest, name in lines}


def kafka_jars(
    report: Callable[[str], None], cache: Path | None = None, digests: Mapping[str, str] | None = None
) -> list[Path]:
    """The verified jars of a Kafka broker, fetched first if the cache folder does not hold them.

    Raises LocalStackError if they cannot be fetched or a digest is not the pinned one.
    """
    cache = cache or default_cache()
    digests = digests or pinned_digests()
    folder = cache / f"kafka-{KAFKA_VERSION}"
    with locked(cache):
        if not folder.exists():
            report(f"fetching Kafka {KAFKA_VERSION} ({len(digests)} jars, once)")
            _fetch_with_retries(folder, digests, report)
        _verify(folder, digests)
    return [folder / name for name in digests]


@contextmanager
def locked(cache: Path) -> Iterator[None]:
    """Keep processes that start at the same time from making the same thing at the same time."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _fetch_with_retries(folder: Path, digests: Mapping[str, str], report: Callable[[str], None]) -> None:
    for pause in PAUSES:
        try:
            _fetch(folder, digests)
        except LocalStackError as error:
            report(f"{error}\ntrying again in {pause:.0f} s")
            time.sleep(pause)
        else:
            return
    _fetch(folder, digests)


def _fetch(folder: Path, digests: Mapping[str, str]) -> None:
    """Download everything into a scratch folder and rename it, so that `folder` is whole or absent, never partial."""
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder.parent) as scratch:
        _resolve(Path(scratch))
        downloaded = {path.name: path for path in Path(scratch).rglob("*.jar")}
        if missing := sorted(set(digests) - set(downloaded)):
            raise LocalStackError(f"jgo did not resolve {', '.join(missing)}, which {DIGESTS} lists")
        jars = Path(scratch) / "jars"
        jars.mkdir()
        for name in digests:
            shutil.copyfile(downloaded[name], jars / name)
        jars.rename(folder)


def _resolve(scratch: Path) -> None:
    command = [sys.executable, "-m", "jgo", "--resolver", "python", "--timeout", "60"]
    command += ["--cache-dir", str(scratch / "jgo"), "--repo-cache", str(scratch / "repository")]
    command += ["info", "jars", ARTIFACTS]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RESOLVE_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise LocalStackError(f"fetching Kafka took longer than {RESOLVE_SECONDS} s; is the network up?") from error
    if done.returncode != 0:
        raise LocalStackError(
            f"Kafka {KAFKA_VERSION} could not be fetched: {_last_line(done.stderr)}\n"
            "Check the network (jgo's settings file may name a mirror), or use a broker of your own: set "
            "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS."
        )


def _last_line(output: str) -> str:
    lines = output.strip().splitlines()
    return lines[-1] if lines else "jgo gave no reason"


def _verify(folder: Path, digests: Mapping[str, str]) -> None:
    for name, expected in digests.items():
        path = folder / name
        actual = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"
        if actual != expected:
            raise LocalStackError(
                f"{path} is not the file that Songprint was tested with: its SHA-256 is {actual}, expected {expected} "
                f"({DIGESTS.name}).\nIt was damaged or replaced. Delete {folder} and start again; if the same happens, "
                "do not trust the place it is downloaded from."
            )
