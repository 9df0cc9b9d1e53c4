"""What the services of the compose file are to each other: they meet, in the right order, and find their files."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from prometheus_client import CollectorRegistry

from deploy.grafana.boards import DASHBOARDS
from worker.__main__ import _parser
from worker.observe.health import Health
from worker.observe.http_server import ObserveServer
from worker.settings import Settings

ROOT = Path(__file__).parents[2]
FILE = ROOT / "deploy" / "compose" / "compose.yaml"
SERVICES: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
WORKER_PORT = Settings().http.port
GRAFANAS_OWN = "/etc/grafana/provisioning"  # where Grafana looks if nothing else is said


def mounted(service: str, path: str) -> Path:
    """The file of ours that the service sees under `path`."""
    for volume in SERVICES[service]["volumes"]:
        source, target, *_ = volume.split(":")
        if source.startswith(".") and (path == target or path.startswith(f"{target}/")):
            return FILE.parent / source / path.removeprefix(target).lstrip("/")
    raise AssertionError(f"{service} sees no file of ours under {path}")


def options(service: str) -> dict[str, str]:
    return dict(word.split("=", 1) for word in SERVICES[service]["command"])


def test_kafka_needs_nothing_beside_itself_and_says_where_it_is() -> None:
    kafka = SERVICES["kafka"]["environment"]
    assert set(kafka["KAFKA_PROCESS_ROLES"].split(",")) == {"broker", "controller"}, "KRaft: there is no ZooKeeper"
    ports = dict(re.findall(r"(\w+)://:(\d+)", kafka["KAFKA_LISTENERS"]))
    voter = f"{kafka['KAFKA_NODE_ID']}@kafka:{ports[kafka['KAFKA_CONTROLLER_LISTENER_NAMES']]}"
    assert kafka["KAFKA_CONTROLLER_QUORUM_VOTERS"] == voter
    assert kafka["KAFKA_ADVERTISED_LISTENERS"] == f"PLAINTEXT://kafka:{ports['PLAINTEXT']}"
    assert set(re.findall(r"(\w+):PLAINTEXT", kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"])) == set(ports)
    log = "KAFKA_TRANSACTION_STATE_LOG"
    copies = ("KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR", f"{log}_REPLICATION_FACTOR", f"{log}_MIN_ISR")
    assert {kafka[name] for name in copies} == {1}, "there is one broker"
    asked = _parser(SERVICES["topics"]["command"]).parse_args(SERVICES["topics"]["command"])
    assert (asked.create, asked.replication) == (True, 1)
    assert f"topics --create --partitions {asked.partitions} " in (ROOT / "docs" / "operating.md").read_text()


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if "build" in service])
def test_our_services_are_told_where_kafka_and_redis_are(name: str) -> None:
    told = SERVICES[name]["environment"]
    address = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].removeprefix("PLAINTEXT://")
    assert told["SONGPRINT_KAFKA__BOOTSTRAP_SERVERS"] == address
    assert urlsplit(told["SONGPRINT_REDIS__URL"]).netloc == "redis:6379"
    assert "redis" in SERVICES


def test_each_waits_for_what_it_needs() -> None:
    waits = {
        name: {other: how["condition"] for other, how in service["depends_on"].items()}
        for name, service in SERVICES.items()
        if isinstance(service.get("depends_on"), dict)
    }
    made = {"topics": "service_completed_successfully", "model": "service_completed_successfully"}
    assert waits == {
        "topics": {"kafka": "service_healthy"},
        "worker": {**made, "redis": "service_healthy"},
        "producer": made,
    }


def test_whoever_is_waited_for_is_healthy_once_it_answers() -> None:
    ask = {name: service["healthcheck"]["test"] for name, service in SERVICES.items() if "healthcheck" in service}
    port = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].rpartition(":")[2]
    versions = "/opt/kafka/bin/kafka-broker-api-versions.sh"
    assert ask["kafka"] == ["CMD", versions, "--bootstrap-server", f"127.0.0.1:{port}"]
    assert ask["redis"] == ["CMD", "redis-cli", "-e", "ping"]
    for name in ask:
        how = SERVICES[name]["healthcheck"]
        interval, timeout = (int(how[each].removesuffix("s")) for each in ("interval", "timeout"))
        assert interval * how["retries"] >= 30, f"{name} may take a while to start"
        assert timeout >= 2


def test_what_is_mounted_of_ours_is_only_read() -> None:
    of_ours = [volume for each in SERVICES.values() for volume in each.get("volumes", []) if volume.startswith(".")]
    assert of_ours
    assert [volume for volume in of_ours if not volume.endswith(":ro")] == []


def test_the_worker_is_healthy_once_it_is_ready_and_says_what_stands_in_the_way_until_then() -> None:
    kind, python, option, script = SERVICES["worker"]["healthcheck"]["test"]
    assert (kind, python, option) == ("CMD", "python", "-c")
    (patience,) = re.findall(rf'"127.0.0.1", {WORKER_PORT}, timeout=(\d+)', script)
    assert int(patience) < int(SERVICES["worker"]["healthcheck"]["timeout"].removesuffix("s")), "it ends by itself"
    health = Health(time.monotonic)
    with ObserveServer("127.0.0.1", 0, CollectorRegistry(), health) as server:
        for reasons, status, told in ((["partition 3 is being restored"], 1, "partition 3"), ([], 0, '"ready"')):
            health.report(reasons)
            asked = [sys.executable, "-c", script.replace(str(WORKER_PORT), str(server.port))]
            done = subprocess.run(asked, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (status, "")
            assert told in done.stdout


def test_the_model_is_trained_where_the_worker_reads_it() -> None:
    (made,), (read,), (sent,) = (SERVICES[name]["volumes"] for name in ("model", "worker", "producer"))
    assert read == f"{made}:ro"
    assert sent == made
    assert made.endswith(":/models")
    image = (FILE.parent / SERVICES["worker"]["build"]["context"] / "deploy/docker/worker.Dockerfile").read_text()
    assert "SONGPRINT_MODEL__BUNDLE=/models/bundle" in image
    assert "--out /models/bundle" in SERVICES["model"]["command"][0]


def test_the_playlists_that_the_model_knows_are_sent_round_after_round() -> None:
    sent, (script,) = SERVICES["producer"], SERVICES["model"]["command"]
    asked = _parser(sent["command"][1:]).parse_args(sent["command"][1:])
    folder = asked.folder
    assert 0 < asked.rate <= 1000, "one machine has everything"
    assert f"synthesize --out {folder}\n" in script
    assert f"fit --data {folder} " in script
    assert sent["restart"] == "unless-stopped"


def test_the_worker_is_watched_where_it_answers() -> None:
    prometheus = yaml.safe_load(mounted("prometheus", options("prometheus")["--config.file"]).read_text())
    (job,) = prometheus["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert (job["job_name"], found) == ("songprint", {"names": ["worker"], "type": "A", "port": WORKER_PORT})
    windows = re.findall(r"\[(\d+)m\]", mounted("prometheus", "/etc/prometheus/rules/alerts.yml").read_text())
    seconds = int(prometheus["global"]["scrape_interval"].removesuffix("s"))
    assert seconds * 4 <= min(map(int, windows)) * 60, "a rate wants a few values, one may be lost"


def test_prometheus_has_every_rule() -> None:
    file = options("prometheus")["--config.file"]
    (pattern,) = yaml.safe_load(mounted("prometheus", file).read_text())["rule_files"]
    folder, _, names = pattern.rpartition("/")
    found = mounted("prometheus", f"{file.rpartition('/')[0]}/{folder}").glob(names)
    assert {path.name for path in found} == {"alerts.yml", "recording.yml"}


def in_grafanas_present_form(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(file.read_text())
    assert content["apiVersion"] == 1, "Grafana reads a file that does not say so in a form of long ago"
    return content


def test_grafana_has_its_source_and_every_dashboard() -> None:
    (source,) = mounted("grafana", GRAFANAS_OWN).glob("datasources/*.yml")
    (data,) = in_grafanas_present_form(source)["datasources"]
    scraped = yaml.safe_load(mounted("prometheus", options("prometheus")["--config.file"]).read_text())["global"]
    assert data["jsonData"] == {"timeInterval": scraped["scrape_interval"]}, "what $__rate_interval is made of"
    assert (data["type"], data["isDefault"], data["access"]) == ("prometheus", True, "proxy")
    assert urlsplit(data["url"]).netloc == "prometheus:9090", "Prometheus' port if nothing else is said"
    assert "--web.listen-address" not in options("prometheus")
    (provided,) = mounted("grafana", GRAFANAS_OWN).glob("dashboards/*.yml")
    (provider,) = in_grafanas_present_form(provided)["providers"]
    assert provider["type"] == "file"
    found = mounted("grafana", provider["options"]["path"]).glob("*.json")
    assert {json.loads(file.read_text())["uid"] for file in found} == {each.uid for each in DASHBOARDS}


def test_the_runbooks_call_the_project_by_its_name() -> None:
    name = yaml.safe_load(FILE.read_text())["name"]
    runbooks = (ROOT / "docs" / "runbooks.md").read_text()
    assert set(re.findall(r"docker compose (?!-p )\S+", runbooks)) == set()
    called = re.findall(r"docker compose -p (\S+) [^`]*?(\S+)`", runbooks)
    assert {project for project, _ in called} == {name}
    assert {service for _, service in called} <= set(SERVICES)


@pytest.mark.parametrize("page", ["README.md", "docs/operating.md", "deploy/compose/compose.yaml"])
def test_one_command_starts_everything(page: str) -> None:
    commands = re.findall(r"docker compose (.+)", (ROOT / page).read_text())
    assert f"-f {FILE.relative_to(ROOT)} up --build" in commands


def test_what_our_images_write_to_may_be_written_to() -> None:
    """The root is read-only."""
    for name, service in SERVICES.items():
        if "build" in service:
            assert service["security_opt"] == ["no-new-privileges:true"]
            image = (FILE.parent / service["build"]["context"] / service["build"]["dockerfile"]).read_text()
            places = set(re.findall(r"MPLCONFIGDIR=(\S+)", image))
            assert places <= set(service.get("tmpfs", [])), name


def test_the_worker_has_time_to_stop_and_comes_back_after_a_failure() -> None:
    worker = SERVICES["worker"]
    assert worker["restart"] == "on-failure"
    guide = " ".join((ROOT / "docs" / "operating.md").read_text().split())
    (seconds,) = re.findall(r"exits with 0 within (\d+) seconds", guide)
    assert int(worker["stop_grace_period"].removesuffix("s")) > int(seconds)


def test_grafana_asks_for_no_login_and_lets_nobody_change_anything() -> None:
    assert SERVICES["grafana"]["environment"] == {
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_AUTH_DISABLE_LOGIN_FORM": "true",
    }
