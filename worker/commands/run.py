"""`worker run`: the streaming worker."""

import argparse
import gc
import logging
import sys
import time
from pathlib import Path

from prometheus_client import CollectorRegistry

from worker.assemble import assemble, load_labeller, model_watch
from worker.loop import Observers
from worker.observe import logs
from worker.observe.health import Health
from worker.observe.http_server import ObserveServer
from worker.observe.metrics import Metrics
from worker.settings import load_settings
from worker.signals import WorkerSignals

HELP = "Label playlist events until SIGTERM or Ctrl-C."

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bundle", type=Path, help="folder of the model's bundle (SONGPRINT_MODEL__BUNDLE)")
    parser.add_argument("--instance", help="this worker's name, unique in its group (SONGPRINT_KAFKA__INSTANCE)")
    parser.add_argument("--port", type=int, help="port of metrics and health (SONGPRINT_HTTP__PORT)")


def run(arguments: argparse.Namespace) -> int:
    overrides = {
        "model.bundle": arguments.bundle,
        "kafka.instance": arguments.instance,
        "http.port": arguments.port,
    }
    settings = load_settings(arguments.config, overrides)
    logs.configure(settings.log.level, settings.log.format)
    metrics = Metrics(CollectorRegistry())
    health = Health(time.monotonic)
    metrics.watch_loop(health.silence)
    with (
        WorkerSignals() as signals,
        ObserveServer(settings.http.host, settings.http.port, metrics.registry, health) as server,
    ):
        log.info("starting", extra={"instance": settings.kafka.member, "http_port": server.port})
        watch = model_watch(settings)
        labeller = load_labeller(settings)
        metrics.model(labeller, labeller.load_seconds, time.time())
        worker = assemble(settings, labeller, watch, Observers(metrics, health))
        _tune_interpreter()
        signals.tell(worker)
        worker.run()
    log.info("stopped")
    return 0


def _tune_interpreter() -> None:
    # A batch makes tens of thousands of short-lived objects and no cycles: the search took a third of the time.
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 50)
    # Inference and the commit go on in threads that need the interpreter only for an instant, but after each wait: with
    # the usual 5 ms they would get it when the loop has nothing left to do in the meantime.
    sys.setswitchinterval(0.0005)
