"""The system under test: servers, topics, traffic and a group of workers, put together for one run."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.acceptance.events import EventMaker
from tests.acceptance.group import WorkerGroup
from tests.acceptance.ledger import Ledger, Traffic
from tests.acceptance.recovery import RecoveryWatch
from tests.acceptance.servers import Servers
from tests.small_bundle import export_small_bundle
from tests.stream import Stream
from worker.adapters.kafka_topics import plan
from worker.contract.bundle import BundleError, load_bundle

MODELS = 2
COMPACTED_SOON = {
    "segment.ms": "5000",
    "segment.bytes": "1048576",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "5000",
}
"""The changelog is compacted again and again while workers restore from it."""


class Plan(NamedTuple):
    """What a run is like."""

    seed: int
    minutes: float
    brokers: int = 3
    workers: int = 3
    partitions: int = 6
    rate: float = 900.0
    session_timeout_ms: int = 20_000
    transaction_timeout_ms: int = 10_000
    group_protocol: str = "classic"
    assignment: str = "cooperative-sticky"
    hot_bytes: int = 256 << 20
    faults: Sequence[str] = ()
    """Names; none for all."""
    decks: int = 1_000
    """How often each fault comes at most."""


class System(NamedTuple):
    """What faults may reach for."""

    plan: Plan
    servers: Servers
    stream: Stream
    """Settings and topics; to Kafka without the proxies."""
    group: WorkerGroup
    ledger: Ledger
    traffic: Traffic
    watch: RecoveryWatch
    bundles: Sequence[Path]
    deployed: Path
    """Where the workers look for their bundle."""

    def deploy(self, bundle: Path) -> None:
        """Puts a bundle in the deployed one's place, in one step: the path is a link that is replaced."""
        link(bundle, self.deployed)

    @property
    def model(self) -> str:
        """Version of the deployed bundle."""
        return load_bundle(self.deployed).version


def link(target: Path, path: Path) -> None:
    fresh = path.with_name(f"{path.name}-next")
    fresh.symlink_to(target)
    fresh.replace(path)


def export_bundles(folder: Path) -> list[Path]:
    """Small bundles with different weights, exported at the same time."""
    paths = [folder / f"bundle-{number}" for number in range(MODELS)]
    with ThreadPoolExecutor(MODELS) as pool:
        list(pool.map(export_small_bundle, paths, range(MODELS)))
    return paths


def kept_bundles(folder: Path) -> list[Path]:
    """The same, kept in `folder` from one run to the next: exporting takes longer than starting the servers."""
    place = folder.resolve() / "bundles"
    paths = [place / f"bundle-{number}" for number in range(MODELS)]
    try:
        for path in paths:
            load_bundle(path)
    except BundleError:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        return export_bundles(place)
    return paths


@contextmanager
def running(run: Plan, folder: Path, bundles: Sequence[Path]) -> Iterator[System]:
    """A system whose workers are ready and whose events flow; afterwards nothing but the logs in `folder` is left."""
    deployed = folder / "deployed"
    link(bundles[0], deployed)
    with ExitStack() as parts:
        servers = parts.enter_context(Servers(folder, run.brokers, run.session_timeout_ms))
        logs = folder / "logs"
        stream = Stream(environment(run, servers, deployed), logs)
        create_topics(stream, run.partitions)
        through_proxies = {"SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": servers.brokers.proxied}
        names = [f"w{number}" for number in range(run.workers)]
        group = parts.enter_context(WorkerGroup(stream, through_proxies, names, folder))
        ledger = Ledger(servers.brokers.direct, stream.topics.events)
        watch = parts.enter_context(RecoveryWatch(servers.brokers.direct, stream.topics.labels, run.partitions))
        traffic = parts.enter_context(Traffic(ledger, EventMaker(run.seed), run.rate, Random(run.seed)))
        yield System(run, servers, stream, group, ledger, traffic, watch, bundles, deployed)


def environment(run: Plan, servers: Servers, deployed: Path) -> dict[str, str]:
    return {
        "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS": servers.brokers.direct,
        "SONGPRINT_KAFKA__GROUP": f"chaos-{run.seed}",
        "SONGPRINT_KAFKA__SESSION_TIMEOUT_MS": str(run.session_timeout_ms),
        "SONGPRINT_KAFKA__TRANSACTION_TIMEOUT_MS": str(run.transaction_timeout_ms),
        "SONGPRINT_KAFKA__GROUP_PROTOCOL": run.group_protocol,
        "SONGPRINT_KAFKA__ASSIGNMENT": run.assignment,
        "SONGPRINT_REDIS__URL": servers.redis.url,
        "SONGPRINT_MODEL__BUNDLE": str(deployed),
        "SONGPRINT_MODEL__WATCH_INTERVAL_S": "1",
        "SONGPRINT_POLICY__MAX_HOT_BYTES": str(run.hot_bytes),
        "SONGPRINT_LOG__FORMAT": "json",
    }


def create_topics(stream: Stream, partitions: int) -> None:
    """As the protocol needs them, but that labels are kept, to be counted, and the changelog is compacted soon."""
    more = {stream.topics.labels: {}, stream.topics.states: COMPACTED_SOON}
    plans = [
        each._replace(config={} if each.name == stream.topics.labels else each.config | more.get(each.name, {}))
        for each in plan(stream.topics, partitions)
    ]
    stream.admin.create(plans, -1)


@contextmanager
def scratch(keep: bool) -> Iterator[Path]:
    """A folder that goes at the end, unless it is to be kept or something failed: then its data goes, logs stay."""
    folder = Path(tempfile.mkdtemp(prefix="songprint-chaos-", dir=os.environ.get("TMPDIR")))
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder / "data", ignore_errors=True)
        raise
    if not keep:
        shutil.rmtree(folder)
