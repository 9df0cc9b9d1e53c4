"""A Kubernetes cluster that may be wiped, for the tests that want a real one.

`SONGPRINT_TEST_KUBECONFIG` leads to it. It has one node, the image of the worker on it, and nothing of songprint's.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.deploy.programs import needed

VARIABLE = "SONGPRINT_TEST_KUBECONFIG"
FOLDER = "/var/lib/songprint-test-models"
"""On the node."""
SEEDING = "songprint-test-seeding"
IMAGE = "songprint-worker:0.1.0"


class Cluster(NamedTuple):
    """`desk` is where commands are typed."""

    kubeconfig: str
    desk: Path

    def type(self, line: str) -> str:
        """Has a shell run a line; returns what it printed, both ways. Fails where it does."""
        done = subprocess.run(
            ["sh", "-e", "-c", line],
            cwd=self.desk,
            env={**os.environ, "KUBECONFIG": self.kubeconfig},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}"
        return done.stdout

    def apply(self, *objects: dict[str, object]) -> None:
        file = self.desk / "objects.json"
        file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
        self.type(f"kubectl apply --filename {file}")

    def wipe(self) -> None:
        self.type(f"kubectl delete namespace songprint kafka {SEEDING} --ignore-not-found --timeout 120s")
        self.type("kubectl delete persistentvolume songprint-test-models --ignore-not-found")

    def keep_models(self, bundle: Path) -> None:
        """A volume with the bundle in it, for the claim that the workers mount."""
        volume: dict[str, object] = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": "songprint-test-models"},
            "spec": {
                "capacity": {"storage": "5Gi"},
                "accessModes": ["ReadWriteMany"],
                "hostPath": {"path": FOLDER, "type": "DirectoryOrCreate"},
                "claimRef": {"namespace": "songprint", "name": "songprint-models"},
            },
        }
        self.apply(volume)
        self.type(f"kubectl create namespace {SEEDING}")
        seeding: dict[str, object] = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "seeding", "namespace": SEEDING},
            "spec": {
                "securityContext": {"runAsUser": 0},
                "terminationGracePeriodSeconds": 0,
                "containers": [
                    {
                        "name": "seeding",
                        "image": IMAGE,
                        "command": ["sleep", "infinity"],
                        "volumeMounts": [{"name": "models", "mountPath": "/models"}],
                    }
                ],
                "volumes": [{"name": "models", "hostPath": {"path": FOLDER, "type": "DirectoryOrCreate"}}],
            },
        }
        self.apply(seeding)
        ask = f"kubectl --namespace {SEEDING}"
        self.type(f"{ask} wait --for condition=Ready pod/seeding --timeout 120s")
        self.type(f"{ask} exec seeding -- rm -rf /models/bundle")
        self.type(f"{ask} cp {bundle} seeding:/models/bundle")
        self.type(f"{ask} exec seeding -- chmod -R a+rX /models")


def disposable_cluster(desk: Path) -> Cluster:
    """The test is skipped where none is named."""
    needed("kubectl", "kubectl 1.27 or newer", in_ci=False)
    if VARIABLE not in os.environ:
        pytest.skip(f"set {VARIABLE} to the kubeconfig of a cluster of one node that may be wiped and has {IMAGE}")
    cluster = Cluster(os.environ[VARIABLE], desk)
    there = cluster.type("kubectl get namespaces --output name").split()
    assert not {"namespace/songprint", "namespace/kafka"} & set(there), "there is something that it may not touch"
    return cluster
