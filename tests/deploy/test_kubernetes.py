"""The Kubernetes objects: valid by strict schemas, few rights, and in agreement with the worker that they start."""

import re
import subprocess
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from deploy.reference.kubernetes import PARTITIONS
from tests.deploy.kustomize import build as kustomize
from tests.deploy.operator_schemas import SCHEMAS
from tests.deploy.programs import needed
from tests.integration.certificates import Authority
from worker.configuration import setting_fields, variable
from worker.settings import Settings, load_settings

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
BUILDS = ["base", "overlays/small", "overlays/production"]
KUBERNETES = "1.31"


@cache
def objects(build: str) -> list[dict[str, Any]]:
    return kustomize(FOLDER / build)


def in_order(made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(made, key=lambda each: (each["kind"], each["metadata"]["name"]))


@pytest.mark.parametrize("build", BUILDS)
def test_kubectl_makes_the_same(build: str) -> None:
    """But for the hash that it adds to the names of what is generated, and to where these are named."""
    command = [needed("kubectl", "kubectl 1.27 or newer", in_ci=False), "kustomize", str(FOLDER / build)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    unhashed = re.sub(r"songprint-settings-[a-z0-9]{10}\b", "songprint-settings", done.stdout)
    assert in_order(list(yaml.safe_load_all(unhashed))) == in_order(objects(build))


def only(build: str, kind: str) -> dict[str, Any]:
    (found,) = [each for each in objects(build) if each["kind"] == kind]
    return found


def pod(build: str) -> dict[str, Any]:
    spec: dict[str, Any] = only(build, "StatefulSet")["spec"]["template"]["spec"]
    return spec


@pytest.mark.parametrize("build", BUILDS)
def test_every_object_follows_its_schema_to_the_letter(build: str) -> None:
    for each in objects(build):
        if each["kind"] not in SCHEMAS:
            kubernetes_validate.validate(each, KUBERNETES, strict=True)


@pytest.mark.parametrize("kind", SCHEMAS)
def test_an_operators_kind_follows_its_schema_to_the_letter(kind: str) -> None:
    found = [each for each in objects("overlays/production") if each["kind"] == kind]
    assert found
    for each in found:
        jsonschema.validate(each, SCHEMAS[kind])


@pytest.mark.parametrize(
    ("kind", "path", "wrong"),
    [
        ("PodMonitor", "spec.podMetricsEndpoints.0.intervall", "15s"),
        ("PodMonitor", "spec.podMetricsEndpoints.0.interval", "15 s"),
        ("PrometheusRule", "spec.groups.0.rules.0.for", 120),
        ("PrometheusRule", "spec.groups.0.rules.0.annotation", {}),
        ("KafkaTopic", "spec.partitions", "8"),
        ("KafkaTopic", "spec.replicas", 0),
        ("KafkaTopic", "apiVersion", "kafka.strimzi.io/v1beta2"),
        ("ScaledObject", "spec.maxReplicas", 8),
        ("ScaledObject", "spec.triggers.0.metadata.threshold", 20000),
        (
            "ScaledObject",
            "spec.advanced.horizontalPodAutoscalerConfig.behavior.scaleDown.policies.0.periodSeconds",
            "5m",
        ),
    ],
)
def test_the_operators_schemas_are_strict(kind: str, path: str, wrong: Any) -> None:
    each = deepcopy(next(each for each in objects("overlays/production") if each["kind"] == kind))
    *parents, last = path.split(".")
    target = each
    for part in parents:
        target = target[int(part) if isinstance(target, list) else part]
    target[last] = wrong
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(each, SCHEMAS[kind])


PLAIN = [file for file in sorted((FOLDER / "base").glob("*.yaml")) if file.name != "kustomization.yaml"]
PLAIN += sorted(FOLDER.glob("overlays/*/models.yaml"))


@pytest.mark.parametrize("file", PLAIN, ids=lambda file: str(file.relative_to(FOLDER)))
def test_what_is_put_together_follows_its_schema_too(file: Path) -> None:
    each = yaml.safe_load(file.read_text())
    kubernetes_validate.validate(each, KUBERNETES, strict=True)


def test_the_schemas_are_strict() -> None:
    wrong = yaml.safe_load((FOLDER / "base" / "statefulset.yaml").read_text()) | {"spce": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES, strict=True)


@pytest.mark.parametrize("build", BUILDS)
def test_a_worker_has_a_stable_name_and_few_rights(build: str) -> None:
    spec = pod(build)
    (container,) = spec["containers"]
    (instance,) = [each for each in container["env"] if each["name"] == "SONGPRINT_KAFKA__INSTANCE"]
    assert instance["valueFrom"]["fieldRef"]["fieldPath"] == "metadata.name"
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    assert not any("subPath" in mount for mount in container["volumeMounts"]), "a new bundle would not be seen"
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert only(build, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize("build", BUILDS)
def test_the_worker_takes_the_settings(build: str, tmp_path: Path) -> None:
    settings = dict(only(build, "ConfigMap")["data"])
    assert set(settings) <= {variable(name) for name, _ in setting_fields(Settings)}
    for name in ("kafka-password", "redis-password"):
        (tmp_path / name).write_text("secret")
    Authority(tmp_path / "authority").certificate.rename(tmp_path / "ca.pem")
    here = {name: value.replace("/secrets/", f"{tmp_path}/") for name, value in settings.items()}
    loaded = load_settings(None, {}, here)
    # A rolling restart is to be over before anybody takes the partitions.
    assert loaded.kafka.session_timeout_ms / 1000 > pod(build)["terminationGracePeriodSeconds"]
    container = pod(build)["containers"][0]
    mebibytes = int(re.fullmatch(r"(\d+)Gi", container["resources"]["limits"]["memory"])[1]) * 1024  # type: ignore[index]
    assert loaded.policy.max_hot_bytes >> 20 < mebibytes // 2


def test_secrets_come_from_a_secret_and_stand_nowhere_else() -> None:
    assert not [each for each in objects("overlays/production") if each["kind"] == "Secret"]
    assert not [name for name in only("overlays/production", "ConfigMap")["data"] if name.endswith("PASSWORD")]
    volumes = {volume["name"]: volume for volume in pod("overlays/production")["volumes"]}
    assert volumes["secrets"]["secret"]["secretName"] == "songprint-secrets"


def test_there_are_never_more_workers_than_partitions() -> None:
    scaled = only("overlays/production", "ScaledObject")["spec"]
    topics = {
        each["metadata"]["name"]: each["spec"]
        for each in objects("overlays/production")
        if each["kind"] == "KafkaTopic"
    }
    assert scaled["maxReplicaCount"] == topics["playlist-events"]["partitions"] == PARTITIONS
    assert topics["user-state"]["partitions"] == PARTITIONS
    assert scaled["scaleTargetRef"]["name"] == only("overlays/production", "StatefulSet")["metadata"]["name"]
    assert "replicas" not in only("overlays/production", "StatefulSet")["spec"]


def test_the_monitor_finds_the_pods_and_calls_them_as_the_alerts_do() -> None:
    monitor = only("overlays/production", "PodMonitor")["spec"]
    labels = only("overlays/production", "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    assert monitor["selector"]["matchLabels"].items() <= labels.items()
    assert labels[monitor["jobLabel"]] == "songprint"
    ports = {port["name"] for port in pod("overlays/production")["containers"][0]["ports"]}
    assert monitor["podMetricsEndpoints"][0]["port"] in ports


def test_the_policies_and_budgets_are_about_the_workers() -> None:
    labels = only("base", "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    for kind, selector in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        assert only("base", kind)["spec"][selector]["matchLabels"].items() <= labels.items()
