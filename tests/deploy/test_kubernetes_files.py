"""What the Kubernetes files say by themselves: these tests need no kubectl, which not every machine has."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.reference.kubernetes import PARTITIONS
from tests.deploy.test_prometheus import series_of_a_worker
from tests.integration.certificates import Authority
from worker.adapters.kafka_topics import TopicFacts
from worker.assemble import topics_of
from worker.checks.erasure import check_erasure
from worker.checks.topics import check_topics
from worker.configuration import setting_fields, variable
from worker.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
BUILDS = ["base", "overlays/small", "overlays/production"]
PORT = Settings().http.port


def written(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return found


def settings(build: str) -> dict[str, str]:
    maps = written(f"{build}/kustomization.yaml")["configMapGenerator"]
    return dict(pair.split("=", 1) for each in maps for pair in each["literals"])


POD = written("base/statefulset.yaml")["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
SESSION_SECONDS = int(settings("base")["SONGPRINT_KAFKA__SESSION_TIMEOUT_MS"]) / 1000


@pytest.mark.parametrize("build", BUILDS)
def test_no_file_is_left_out(build: str) -> None:
    kustomization = written(f"{build}/kustomization.yaml")
    named = {*kustomization["resources"], *(patch.get("path") for patch in kustomization.get("patches", []))}
    files = {file.name for file in (FOLDER / build).glob("*.yaml")} - {"kustomization.yaml"}
    assert files <= named
    assert named - files <= {"../../base", None}


@pytest.mark.parametrize("overlay", ["overlays/small", "overlays/production"])
def test_an_overlays_patches_are_about_what_the_base_has(overlay: str) -> None:
    base = written("base/statefulset.yaml")
    for patch in written(f"{overlay}/kustomization.yaml")["patches"]:
        whole = written(f"{overlay}/{patch['path']}") if "path" in patch else {"kind": patch["target"]["kind"]}
        name = whole["metadata"]["name"] if "path" in patch else patch["target"]["name"]
        assert (whole["kind"], name) == (base["kind"], base["metadata"]["name"])
        for step in yaml.safe_load(patch.get("patch", "[]")):
            found: Any = base
            for part in step["path"].strip("/").split("/"):  # a KeyError says which is not there
                found = found[int(part) if isinstance(found, list) else part]
            assert step["op"] in {"replace", "remove"}
            assert "value" not in step or type(step["value"]) is type(found)


def test_production_adds_to_the_one_container_and_its_volumes() -> None:
    """A strategic merge goes by names: another name would be a second container."""
    spec = written("overlays/production/secrets.yaml")["spec"]["template"]["spec"]
    assert [each["name"] for each in spec["containers"]] == [CONTAINER["name"]]
    for lists in (
        (spec["volumes"], POD["volumes"]),
        (spec["containers"][0]["volumeMounts"], CONTAINER["volumeMounts"]),
    ):
        added, there = ({each["name"] for each in items} for items in lists)
        assert not added & there


def test_only_production_has_settings_of_its_own_and_adds_them() -> None:
    (generator,) = written("overlays/production/kustomization.yaml")["configMapGenerator"]
    assert generator["behavior"] == "merge"
    assert "configMapGenerator" not in written("overlays/small/kustomization.yaml")


@pytest.mark.parametrize("builds", [["base"], ["base", "overlays/production"]], ids=lambda builds: builds[-1])
def test_the_worker_takes_the_settings_merged(builds: list[str], tmp_path: Path) -> None:
    given = {name: value for build in builds for name, value in settings(build).items()}
    assert set(given) <= {variable(name) for name, _ in setting_fields(Settings)}
    for name in ("kafka-password", "redis-password"):
        (tmp_path / name).write_text("secret")
    Authority(tmp_path / "authority").certificate.rename(tmp_path / "ca.pem")
    loaded = load_settings(
        None, {}, {name: value.replace("/secrets/", f"{tmp_path}/") for name, value in given.items()}
    )
    (gibibytes,) = re.fullmatch(r"(\d+)Gi", CONTAINER["resources"]["limits"]["memory"]).groups()  # type: ignore[union-attr]
    assert loaded.policy.max_hot_bytes <= int(gibibytes) << 29, "half of what the container may have"


def test_topics_have_the_partitions_that_scaling_counts_on() -> None:
    topics = list(yaml.safe_load_all((FOLDER / "overlays/production/topics.yaml").read_text()))
    counts = {each["metadata"]["name"]: each["spec"]["partitions"] for each in topics}
    assert counts["playlist-events"] == counts["user-state"] == PARTITIONS


def test_check_has_nothing_to_say_about_the_topics() -> None:
    """Partitions, copies, compaction and retention are as the worker and the erasure of a user need them."""
    facts = {}
    for each in yaml.safe_load_all((FOLDER / "overlays/production/topics.yaml").read_text()):
        spec = each["spec"]
        config = {name: str(value) for name, value in spec["config"].items()}
        facts[each["metadata"]["name"]] = TopicFacts(
            "id", spec["partitions"], spec["replicas"], spec["replicas"], frozenset(), config, config
        )
    names = topics_of(Settings())
    found = [*check_topics(names, facts), *check_erasure(names, facts)]
    assert [finding.what for finding in found if finding.status != "ok"] == []


def test_the_pod_is_one_that_the_namespace_lets_in() -> None:
    """Pod Security's `restricted`, and a root that nobody writes to."""
    assert written("base/namespace.yaml")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    user = int(re.findall(r"^USER (\d+):", (ROOT / "deploy/docker/worker.Dockerfile").read_text(), re.MULTILINE)[0])
    whole, own = POD["securityContext"], CONTAINER["securityContext"]
    assert (whole["runAsNonRoot"], whole["runAsUser"], whole["runAsGroup"]) == (True, user, user)
    assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
    assert own == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert POD["automountServiceAccountToken"] is written("base/serviceaccount.yaml")["automountServiceAccountToken"]
    assert POD["automountServiceAccountToken"] is False
    assert POD["enableServiceLinks"] is False, "or variables of Kubernetes begin with SONGPRINT_"


def test_a_pod_is_the_worker_of_its_name_and_back_before_its_session_ends() -> None:
    (instance,) = CONTAINER["env"]
    assert instance == {
        "name": "SONGPRINT_KAFKA__INSTANCE",
        "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
    }
    assert written("base/statefulset.yaml")["spec"]["serviceName"] == written("base/service.yaml")["metadata"]["name"]
    assert written("base/disruption.yaml")["spec"]["maxUnavailable"] == 1
    starting = CONTAINER["startupProbe"]["periodSeconds"] * CONTAINER["startupProbe"]["failureThreshold"]
    guide = " ".join((ROOT / "docs" / "operating.md").read_text().split())
    (stopping,) = re.findall(r"exits with 0 within (\d+) seconds", guide)
    assert int(stopping) < POD["terminationGracePeriodSeconds"] < SESSION_SECONDS
    living = CONTAINER["livenessProbe"]["periodSeconds"] * CONTAINER["livenessProbe"]["failureThreshold"]
    assert living <= starting <= SESSION_SECONDS, "a start takes longer than an answer, and no longer than the session"


def test_probes_ask_what_the_worker_answers() -> None:
    asked = {name: CONTAINER[f"{name}Probe"]["httpGet"]["path"] for name in ("startup", "liveness", "readiness")}
    assert asked == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
    assert CONTAINER["ports"] == [{"name": "metrics", "containerPort": PORT}]
    assert {CONTAINER[f"{name}Probe"]["httpGet"]["port"] for name in asked} == {"metrics"}


def test_the_pod_has_its_settings_its_bundle_and_the_files_of_its_secret() -> None:
    (generated,) = written("base/kustomization.yaml")["configMapGenerator"]
    assert CONTAINER["envFrom"] == [{"configMapRef": {"name": generated["name"]}}]
    (volume,), (mount,) = POD["volumes"], CONTAINER["volumeMounts"]
    assert volume["name"] == mount["name"]
    claims = {written(f"overlays/{name}/models.yaml")["metadata"]["name"] for name in ("small", "production")}
    assert [volume["persistentVolumeClaim"]] == [{"claimName": name, "readOnly": True} for name in claims]
    image = (ROOT / "deploy/docker/worker.Dockerfile").read_text()
    assert f"SONGPRINT_MODEL__BUNDLE={mount['mountPath']}/bundle" in image, "the folder that the guide names"
    (secret,) = written("overlays/production/secrets.yaml")["spec"]["template"]["spec"]["volumes"]
    assert secret["secret"]["defaultMode"] & 0o777 == 0o440, "for root, and for the pod's group"
    assert POD["securityContext"]["fsGroup"] == POD["securityContext"]["runAsGroup"]


def test_whoever_looks_for_the_workers_finds_the_pods() -> None:
    pod = written("base/statefulset.yaml")["spec"]["template"]["metadata"]["labels"]
    (added,) = written("base/kustomization.yaml")["labels"]
    labels = {**pod, **added["pairs"]} if added["includeSelectors"] else pod  # selectors alone would leave the pods out
    monitor = written("overlays/production/monitor.yaml")["spec"]
    for selector in (
        written("base/statefulset.yaml")["spec"]["selector"],
        written("base/disruption.yaml")["spec"]["selector"],
        written("base/network.yaml")["spec"]["podSelector"],
        monitor["selector"],
    ):
        assert selector["matchLabels"].items() <= labels.items()
    assert labels[monitor["jobLabel"]] == "songprint", "the job that the alerts know"
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert (endpoint["port"], endpoint["path"]) == (CONTAINER["ports"][0]["name"], "/metrics")


def test_memory_and_processors_are_asked_for_and_memory_is_bounded() -> None:
    resources = CONTAINER["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"memory"}, "a bound on processors would only make a worker wait"


def test_the_network_lets_in_scrapes_and_out_what_the_settings_name() -> None:
    policy = written("base/network.yaml")["spec"]
    assert set(policy["policyTypes"]) == {"Ingress", "Egress"}
    (inward,) = policy["ingress"]
    assert inward["ports"] == [{"port": PORT, "protocol": "TCP"}]
    assert inward["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    assert all(rule["ports"] for rule in policy["egress"]), "a rule without ports lets everything out"
    outward = {each["port"] for rule in policy["egress"] for each in rule["ports"]}
    needed = {
        int(port)
        for build in ("base", "overlays/production")
        for name in ("SONGPRINT_KAFKA__BOOTSTRAP_SERVERS", "SONGPRINT_REDIS__URL")
        for port in re.findall(r":(\d+)", settings(build)[name])
    }
    assert outward == needed | {53}
    by_tcp = {each["port"] for rule in policy["egress"] for each in rule["ports"] if each["protocol"] == "TCP"}
    assert by_tcp == outward


def test_images_are_of_this_release() -> None:
    release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert written("base/kustomization.yaml")["images"] == [{"name": CONTAINER["image"], "newTag": release}]


def test_the_guide_deploys_what_is_there() -> None:
    guide = (ROOT / "docs" / "operating.md").read_text()
    ((dockerfile, image, tag),) = re.findall(r"docker build -f (\S+) -t (\S+):(\S+) \.", guide)
    assert (ROOT / dockerfile).is_file()
    assert [{"name": image, "newTag": tag}] == written("base/kustomization.yaml")["images"]
    namespaces = re.findall(r"kubectl (?:create namespace|--namespace) (\S+)", guide)
    assert set(namespaces) == {written("base/namespace.yaml")["metadata"]["name"]}
    for overlay in re.findall(r"apply --kustomize (\S+)", guide):
        assert (ROOT / overlay / "kustomization.yaml").is_file(), overlay


def test_in_production_kafka_and_redis_are_encrypted_and_secrets_are_files() -> None:
    said = settings("overlays/production")
    assert said["SONGPRINT_KAFKA__SECURITY_PROTOCOL"] == "sasl_ssl"
    assert said["SONGPRINT_KAFKA__SASL_MECHANISM"].startswith("SCRAM-")
    assert said["SONGPRINT_REDIS__URL"].startswith("rediss://")
    assert said["SONGPRINT_REDIS__CLUSTER"] == "true"
    authorities = (said["SONGPRINT_KAFKA__SSL_CA_LOCATION"], said["SONGPRINT_REDIS__SSL_CA_CERTS"])
    assert authorities == ("/secrets/ca.pem", "/secrets/ca.pem"), "whom the certificates are held against"
    assert said["SONGPRINT_KAFKA__SASL_USERNAME"] == said["SONGPRINT_REDIS__USERNAME"] == "songprint"
    assert not [name for name in said if name.endswith("PASSWORD")]
    spec = written("overlays/production/secrets.yaml")["spec"]["template"]["spec"]
    ((mount,),) = (each["volumeMounts"] for each in spec["containers"])
    (volume,) = spec["volumes"]
    assert mount["readOnly"] is True
    assert not volume["secret"].get("optional"), "a pod would start without its passwords"
    files = {value.rpartition("/")[2] for value in said.values() if value.startswith(f"{mount['mountPath']}/")}
    guide = (ROOT / "docs" / "operating.md").read_text()
    (command,) = re.findall(rf"create secret generic {volume['secret']['secretName']} \\\n(.+)", guide)
    assert files == set(re.findall(r"--from-file=(\S+)", command)), "what the guide puts into the secret"
    assert len(files) == 3


def test_lag_decides_how_many_there_are_within_bounds_and_slowly() -> None:
    scaled = written("overlays/production/scaling.yaml")["spec"]
    assert scaled["maxReplicaCount"] == PARTITIONS
    (trigger,) = scaled["triggers"]
    assert trigger["type"] == "prometheus"
    assert re.fullmatch(r'sum\((\w+)\{job="songprint"\}\)', trigger["metadata"]["query"])[1] == "songprint_lag_events"  # type: ignore[index]
    assert "songprint_lag_events" in series_of_a_worker()
    down = scaled["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"]
    (policy,) = down["policies"]
    assert (policy["type"], policy["value"]) == ("Pods", 1)
    # The partitions of one that is gone move when its session has timed out: not before that goes the next one.
    assert policy["periodSeconds"] > SESSION_SECONDS
    assert down["stabilizationWindowSeconds"] > SESSION_SECONDS
    least, most, lag = scaled["minReplicaCount"], scaled["maxReplicaCount"], int(trigger["metadata"]["threshold"])
    longest, next_one = down["stabilizationWindowSeconds"] // 60, policy["periodSeconds"] // 60
    guide = " ".join((ROOT / "docs" / "operating.md").read_text().split())
    assert f"one worker for every {lag:,} events that wait, never fewer than {least} nor more than {most}" in guide
    assert f"enough for {longest} minutes, and waits {next_one} minutes before the next" in guide
