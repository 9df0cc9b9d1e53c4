"""The compose file follows its specification, and names files, commands, settings and ports that there are."""

import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from deploy.local.jars import KAFKA_VERSION
from worker.__main__ import _parser
from worker.configuration import setting_fields, variable
from worker.settings import Settings, load_settings

FILE = Path(__file__).parents[2] / "deploy" / "compose" / "compose.yaml"


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())["services"]
    return found


def test_it_follows_the_specification() -> None:
    text = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", FILE.read_text())  # as Compose does where nothing is given
    parsed = PyCompose.from_yaml(yaml.safe_dump(yaml.safe_load(text)))
    servers = {"kafka", "redis", "prometheus", "grafana"}
    assert set(parsed.service_names()) == servers | {"topics", "model", "worker", "producer"}


def test_files_that_are_mounted_and_built_from_exist(services: dict[str, Any]) -> None:
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (FILE.parent / source).exists(), volume
        if "build" in service:
            assert (FILE.parent / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_our_services_have_real_commands_and_settings_and_few_rights(services: dict[str, Any]) -> None:
    known = {variable(name) for name, _ in setting_fields(Settings)}
    ours = {name: service for name, service in services.items() if service["image"].startswith("songprint-")}
    assert set(ours) == {"topics", "model", "worker", "producer"}
    for name, service in ours.items():
        words = service.get("command", ["run"])
        if name == "producer":  # of the training's image, which starts modules
            assert words.pop(0) == "worker"
        # What the model's service says to a shell is run by test_docker.
        assert name == "model" or _parser(words).parse_args(words)
        assert set(service["environment"]) <= known
        load_settings(None, {}, service["environment"])
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]


def test_images_are_pinned_and_ours_are_of_this_release(services: dict[str, Any]) -> None:
    release = tomllib.loads((FILE.parents[2] / "pyproject.toml").read_text())["project"]["version"]
    for service in services.values():
        name, _, tag = service["image"].partition(":")
        assert re.search(r"\d+\.\d+", tag), service["image"]
        assert tag == release or not name.startswith("songprint-")


def test_servers_are_of_the_versions_that_the_tests_and_the_guide_know(services: dict[str, Any]) -> None:
    assert services["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    grafana = metadata.version("grafana-foundation-sdk").rpartition("!")[2]
    assert services["grafana"]["image"] == f"grafana/grafana:{grafana}"
    (oldest,) = re.findall(r"\*\*Redis\*\* (\d+) or newer", (FILE.parents[2] / "docs" / "operating.md").read_text())
    assert int(re.split(r"[:.]", services["redis"]["image"])[1]) >= int(oldest)


def test_our_images_are_built_from_the_base_of_whoever_names_one(services: dict[str, Any]) -> None:
    builds = [service["build"] for service in services.values() if "build" in service]
    assert builds
    assert all(build["args"] == ["BASE"] for build in builds), "without a value it is the environment's, or left out"


def test_what_has_to_outlive_a_container_is_in_a_volume(services: dict[str, Any]) -> None:
    """Or Kafka would come back with new topics, and Redis with the states of the old ones."""
    folders = {name: [volume.split(":")[1] for volume in services[name]["volumes"]] for name in ("kafka", "redis")}
    assert services["kafka"]["environment"]["KAFKA_LOG_DIRS"] in folders["kafka"]
    assert folders["redis"] == ["/data"], "where redis-server keeps its files"
    assert services["redis"]["command"][-2:] == ["--appendonly", "yes"]
    series = [word.partition("=")[2] for word in services["prometheus"]["command"] if "tsdb.path" in word]
    assert f"prometheus:{series[0]}" in services["prometheus"]["volumes"]


def test_named_volumes_are_declared_and_the_worker_keeps_its_name(services: dict[str, Any]) -> None:
    """Compose refuses a volume that is not; a name that changed with the container would leave a member behind."""
    used = {volume.split(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    named = {"models" if name == "${MODELS" else name for name in used if not name.startswith(".")}
    assert named == set(yaml.safe_load(FILE.read_text())["volumes"])
    assert re.fullmatch(r"[\w-]+", services["worker"]["environment"]["SONGPRINT_KAFKA__INSTANCE"])


def test_redis_never_evicts_and_kafka_makes_no_topic_by_itself(services: dict[str, Any]) -> None:
    redis = services["redis"]["command"]
    assert redis[redis.index("--maxmemory-policy") + 1] == "noeviction"
    assert re.fullmatch(r"\d+gb", redis[redis.index("--maxmemory") + 1]), "or it grows until the machine is full"
    assert services["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_what_is_published_is_on_this_machine_alone(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert set(ports) == {"grafana", "prometheus"}
    head = " ".join(FILE.read_text().partition("\nname:")[0].replace("#", "").split())
    usual = {}
    for name, (published,) in ports.items():
        variable, usual[name], own = re.findall(r"^127\.0\.0\.1:\$\{(\w+):-(\d+)\}:(\d+)$", published)[0]
        assert usual[name] == own
        assert re.search(rf"\b{variable}\b[^.]* other ports where those are taken", head)
    assert f"Grafana is on http://127.0.0.1:{usual['grafana']} (no login), Prometheus on {usual['prometheus']}" in head
    assert f"dashboards on port {usual['grafana']}" in (FILE.parents[2] / "README.md").read_text()
