"""The docs' lines for kubectl, typed as they stand there, on a cluster that may be wiped: pods are looked into."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.disposable_cluster import Cluster, disposable_cluster
from tests.deploy.operator_schemas import SCHEMAS
from tests.integration.certificates import Authority
from tests.stream import eventually

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
POD = "songprint-0"
LONG = 120.0
"""Seconds: a worker asks for its brokers for half a minute before it ends."""

pytestmark = pytest.mark.timeout(900)


def kubectl_lines() -> list[str]:
    """In blocks, and between marks in a text; each once, in the order of the pages."""
    text = "\n".join(page.read_text().replace("\\\n", " ") for page in PAGES)
    found = re.findall(r"^kubectl [^\n]+|`kubectl [^`]+`", text, re.MULTILINE)
    return list(dict.fromkeys(" ".join(line.strip("`").split()) for line in found))


def line(words: str) -> str:
    (found,) = (each for each in kubectl_lines() if f" {words}" in each)
    return found


NAMESPACE, SECRET, APPLY = line("create namespace"), line("create secret"), line("apply")
GET, DESCRIBE, PREVIOUS, EXEC = line("get pods"), line("describe pod"), line("logs --previous"), line("exec POD")


def test_no_line_for_kubectl_is_left_out_here() -> None:
    assert set(kubectl_lines()) == {NAMESPACE, SECRET, APPLY, GET, DESCRIBE, PREVIOUS, EXEC}


def operators_kind(kind: str, version: str) -> dict[str, object]:
    """A kind as an operator brings it, but for its rules."""
    group, _, name = version.partition("/")
    plural = f"{kind.lower()}s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [{"name": name, "served": True, "storage": True, "schema": schema}],
        },
    }


@pytest.fixture
def cluster(tmp_path: Path, small_bundle: Path) -> Iterator[Cluster]:
    """With what production needs besides, but no Kafka, and no Redis."""
    found = disposable_cluster(tmp_path)
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    Authority(tmp_path / "authority").certificate.rename(tmp_path / "ca.pem")
    for name in ("kafka-password", "redis-password"):
        (tmp_path / name).write_text("secret")
    try:
        versions = {kind: schema["properties"]["apiVersion"]["const"] for kind, schema in SCHEMAS.items()}
        found.apply(*(operators_kind(kind, version) for kind, version in versions.items()))
        found.type("kubectl wait --for condition=Established customresourcedefinition --all --timeout 60s")
        found.type("kubectl create namespace kafka")
        found.keep_models(small_bundle)
        yield found
    finally:
        found.wipe()


def test_production_is_applied_and_the_runbooks_look_into_it(cluster: Cluster) -> None:
    for each in (NAMESPACE, SECRET):
        cluster.type(each)
    applied = cluster.type(APPLY)
    for kind in ("statefulset.apps/songprint", "networkpolicy.networking.k8s.io/songprint", "scaledobject.keda.sh/"):
        assert kind in applied
    assert cluster.type("kubectl --namespace kafka get kafkatopics --output name").count("kafkatopic") == 4

    eventually(lambda: re.search(rf"^{POD} +1?0/1 +Running ", told(cluster, GET), re.MULTILINE), "it runs", LONG)
    log = f"kubectl --namespace songprint logs {POD}"
    eventually(lambda: '"message": "starting"' in told(cluster, log), "the worker starts", LONG)
    cluster.type(EXEC.replace("POD", POD))
    eventually(lambda: "Thread 0x" in told(cluster, log), "the worker says what each thread is doing")

    eventually(lambda: "Last State:" in told(cluster, DESCRIBE), "it ends, as there is no Kafka", LONG)
    said = told(cluster, DESCRIBE)
    assert re.search(r"Last State: +Terminated\s+Reason: +Error\s+Exit Code: +1\n", said), said
    ended = told(cluster, PREVIOUS).splitlines()[-1]
    assert "SONGPRINT_KAFKA__BOOTSTRAP_SERVERS" in ended, "the last line says what a person has to change"


def told(cluster: Cluster, asked: str) -> str:
    return cluster.type(asked.replace("POD", POD))
