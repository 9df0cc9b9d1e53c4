"""Where the pods are put, as whom they run, when they start, and what finds them: what the guide promises of them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.test_kubernetes import BUILDS, objects, only, pod
from tests.deploy.test_prometheus import RULES
from worker.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = " ".join((DOCS / "operating.md").read_text().split())
HOUR_MS = 3_600_000
HANGS_SECONDS = 60
"""After which /livez says so."""


@pytest.mark.parametrize("build", BUILDS)
def test_everything_is_in_the_namespace_that_comes_with_it(build: str) -> None:
    namespace = only(build, "Namespace")["metadata"]["name"]
    placed = [each for each in objects(build) if each["kind"] not in {"Namespace", "KafkaTopic"}]
    assert {each["metadata"]["namespace"] for each in placed} == {namespace}
    assert f"kubectl --namespace {namespace} create secret" in GUIDE


def test_topics_are_in_the_namespace_of_their_cluster() -> None:
    """Or Strimzi, which looks for them there alone, would never make them; what the settings name is what it serves."""
    topics = [each["metadata"] for each in objects("overlays/production") if each["kind"] == "KafkaTopic"]
    ((cluster, namespace),) = {(each["labels"]["strimzi.io/cluster"], each["namespace"]) for each in topics}
    servers = only("overlays/production", "ConfigMap")["data"]["SONGPRINT_KAFKA__BOOTSTRAP_SERVERS"]
    assert servers.startswith(f"{cluster}-kafka-bootstrap.{namespace}:")


def test_topics_are_kept_and_copied_as_the_pages_say() -> None:
    """Most of all: when an erased user's records are gone."""
    privacy = " ".join((DOCS / "privacy.md").read_text().split())
    (erased,) = re.findall(r"after (\d+) hours nothing of the user is in states and labels", privacy)
    (days,) = set(re.findall(r"the topic's retention, (\d+) days", privacy))
    assert "three replicas, `min.insync.replicas` 2" in GUIDE
    for each in (each for each in objects("overlays/production") if each["kind"] == "KafkaTopic"):
        config = each["spec"]["config"]
        assert (each["spec"]["replicas"], config["min.insync.replicas"]) == (3, 2)
        if config["cleanup.policy"] == "compact":
            assert config["max.compaction.lag.ms"] + config["delete.retention.ms"] == int(erased) * HOUR_MS
            assert config["segment.ms"] < config["max.compaction.lag.ms"]
        else:
            assert config["retention.ms"] == int(days) * 24 * HOUR_MS


@pytest.mark.parametrize("build", BUILDS)
def test_a_pod_that_restores_holds_up_no_other(build: str) -> None:
    """One after the other, the next pod would wait until the one before is ready."""
    assert only(build, "StatefulSet")["spec"]["podManagementPolicy"] == "Parallel"


@pytest.mark.parametrize("build", BUILDS)
def test_pods_run_under_an_account_of_their_own(build: str) -> None:
    """Rights that somebody gives to the namespace's default account are not theirs."""
    assert pod(build)["serviceAccountName"] == only(build, "ServiceAccount")["metadata"]["name"] != "default"


@pytest.mark.parametrize("build", BUILDS)
def test_pods_are_on_as_many_nodes_as_there_are(build: str) -> None:
    """So the end of a node ends few of them; where there is one node alone, it takes them all."""
    (spread,) = pod(build)["topologySpreadConstraints"]
    assert (spread["topologyKey"], spread["maxSkew"]) == ("kubernetes.io/hostname", 1)
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"
    assert spread["labelSelector"]["matchLabels"] == labels(build)


@pytest.mark.parametrize("build", BUILDS)
def test_whatever_is_about_the_workers_is_about_them_alone(build: str) -> None:
    specs = [only(build, kind)["spec"] for kind in ("StatefulSet", "PodDisruptionBudget")]
    assert [spec["selector"]["matchLabels"] for spec in specs] == [labels(build)] * 2
    assert only(build, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"] == labels(build)


def labels(build: str) -> dict[str, Any]:
    found: dict[str, Any] = only(build, "StatefulSet")["spec"]["template"]["metadata"]["labels"]
    return found


@pytest.mark.parametrize("build", BUILDS)
def test_pods_have_names_in_the_clusters_dns(build: str) -> None:
    service = only(build, "Service")
    assert service["metadata"]["name"] == only(build, "StatefulSet")["spec"]["serviceName"]
    assert service["spec"]["clusterIP"] == "None", "an address in front of all pods is not what names one of them"
    assert service["spec"]["selector"].items() <= labels(build).items()
    (container,) = pod(build)["containers"]
    ports = {(port["name"], port["containerPort"]) for port in container["ports"]}
    assert {(port["targetPort"], port["port"]) for port in service["spec"]["ports"]} <= ports


@pytest.mark.parametrize("build", BUILDS)
def test_no_more_memory_is_asked_for_than_there_may_be(build: str) -> None:
    """Kubernetes refuses such a pod, which no schema says; nor less than its hot states and as much beside them."""
    (container,) = pod(build)["containers"]
    asked, bound = (mebibytes(container["resources"][name]["memory"]) for name in ("requests", "limits"))
    hot = Settings().policy.max_hot_bytes >> 20
    assert 2 * hot <= asked <= bound


def mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * {"Mi": 1, "Gi": 1024}[quantity[-2:]]


@pytest.mark.parametrize("build", BUILDS)
def test_a_probe_asks_more_than_once_before_it_kills_and_not_for_ever(build: str) -> None:
    """A busy machine may answer late; a worker that hangs is to be gone about as soon as it is known to hang."""
    (container,) = pod(build)["containers"]
    live, ready = container["livenessProbe"], container["readinessProbe"]
    assert live["failureThreshold"] > 1
    assert live["periodSeconds"] * live["failureThreshold"] <= HANGS_SECONDS
    assert 1 < live["timeoutSeconds"] <= live["periodSeconds"]
    assert 1 < ready["timeoutSeconds"] <= ready["periodSeconds"] <= 10
    assert ready.get("failureThreshold", 3) <= 3, "or a worker that waits would long be called ready"
    assert all("initialDelaySeconds" not in container[f"{name}Probe"] for name in ("startup", "liveness", "readiness"))


@pytest.mark.parametrize("build", BUILDS)
def test_a_new_release_reaches_every_pod_and_one_at_a_time(build: str) -> None:
    strategy = only(build, "StatefulSet")["spec"].get("updateStrategy", {})
    rolling = strategy.get("rollingUpdate", {})
    assert strategy.get("type", "RollingUpdate") == "RollingUpdate", "the pods' end is left to somebody"
    assert rolling.get("partition", 0) == 0, "some pods would keep the release before"
    assert rolling.get("maxUnavailable", 1) == 1


@pytest.mark.parametrize("build", BUILDS)
def test_a_pod_has_nothing_of_its_node(build: str) -> None:
    """Pod Security's `restricted` would not let it in, which no schema says."""
    assert [name for name in ("hostNetwork", "hostPID", "hostIPC") if pod(build).get(name)] == []
    assert all(volume.keys() & {"persistentVolumeClaim", "secret"} for volume in pod(build)["volumes"])
    (container,) = pod(build)["containers"]
    assert all("hostPort" not in port for port in container["ports"])


@pytest.mark.parametrize(
    ("build", "mode"), [("overlays/small", "ReadWriteOnce"), ("overlays/production", "ReadWriteMany")]
)
def test_the_bundles_volume_can_be_read_on_every_node_that_has_workers(build: str, mode: str) -> None:
    assert only(build, "PersistentVolumeClaim")["spec"]["accessModes"] == [mode]
    assert (only(build, "StatefulSet")["spec"].get("replicas") == 1) == (mode == "ReadWriteOnce")


def test_the_names_of_kafka_and_redis_can_be_looked_up() -> None:
    dns = [rule for rule in only("base", "NetworkPolicy")["spec"]["egress"] if "to" in rule]
    assert dns == [
        {
            "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
            "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
        }
    ]


def test_production_has_the_rules_that_are_tested_all_of_them_and_as_they_are() -> None:
    """Those that Compose's Prometheus reads."""
    tested = [group for file in RULES for group in yaml.safe_load(file.read_text())["groups"]]
    assert only("overlays/production", "PrometheusRule")["spec"] == {"groups": tested}


def test_scrapes_are_dense_enough_for_the_shortest_window_of_an_alert() -> None:
    (endpoint,) = only("overlays/production", "PodMonitor")["spec"]["podMetricsEndpoints"]
    windows = [
        int(minutes) * 60
        for group in only("overlays/production", "PrometheusRule")["spec"]["groups"]
        for rule in group["rules"]
        for minutes in re.findall(r"\[(\d+)m\]", rule["expr"])
    ]
    assert int(endpoint["interval"].removesuffix("s")) * 4 <= min(windows), "a rate wants a few values, one may be lost"


def test_scaling_asks_the_prometheus_that_scrapes_about_the_workers_set() -> None:
    scaled = only("overlays/production", "ScaledObject")["spec"]
    workers = only("overlays/production", "StatefulSet")
    target = {"apiVersion": workers["apiVersion"], "kind": workers["kind"], "name": workers["metadata"]["name"]}
    assert scaled["scaleTargetRef"] == target
    assert only("base", "StatefulSet")["spec"]["replicas"] == scaled["minReplicaCount"], "as many with KEDA as without"
    (inward,) = only("overlays/production", "NetworkPolicy")["spec"]["ingress"]
    (scraper,) = inward["from"]
    (namespace,) = scraper["namespaceSelector"]["matchLabels"].values()
    (trigger,) = scaled["triggers"]
    # The operator's own service for every Prometheus that it runs.
    assert trigger["metadata"]["serverAddress"] == f"http://prometheus-operated.{namespace}:9090"
