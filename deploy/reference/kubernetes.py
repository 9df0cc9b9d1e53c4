"""Kubernetes objects that repeat what stands elsewhere: the alerts, and the topics as the worker makes them."""

import json
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from worker.adapters.kafka_sink import Topics
from worker.adapters.kafka_topics import plan
from worker.settings import Kafka

RULES = Path(__file__).parents[1] / "prometheus" / "rules"
PARTITIONS = 8
REPLICAS = 3
HEAD = "# Made by `python -m deploy.reference`; do not edit.\n"


def prometheus_rules() -> str:
    groups = [group for file in sorted(RULES.glob("*.yml")) for group in yaml.safe_load(file.read_text())["groups"]]
    return HEAD + _dump(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "songprint", "namespace": "songprint"},
            "spec": {"groups": groups},
        }
    )


def kafka_topics() -> str:
    """Strimzi's KafkaTopic for each of the four."""
    kafka = Kafka()
    names = Topics(kafka.events_topic, kafka.labels_topic, kafka.state_topic, kafka.dead_letter_topic)
    documents = [
        {
            "apiVersion": "kafka.strimzi.io/v1",
            "kind": "KafkaTopic",
            # Strimzi's operator looks for topics in the namespace of the cluster that they name.
            "metadata": {"name": topic.name, "namespace": "kafka", "labels": {"strimzi.io/cluster": "songprint"}},
            "spec": {
                "partitions": topic.partitions,
                "replicas": REPLICAS,
                "config": {"min.insync.replicas": 2, **{name: _number(value) for name, value in topic.config.items()}},
            },
        }
        for topic in plan(names, PARTITIONS)
    ]
    return HEAD + "---\n".join(map(_dump, documents))


def _number(value: str) -> int | str:
    return int(value) if value.isdigit() else value


def _dump(document: dict[str, Any]) -> str:
    plain = json.loads(json.dumps(document))  # or what occurs twice would be written as an anchor
    text: str = yaml.safe_dump(plain, sort_keys=False, width=1_000, allow_unicode=True)
    return text
