"""Strict schemas of the kinds that operators bring, of which no package has any.

They know the fields that are used here, with the types, bounds and required fields that the operators' own definitions
give them (prometheus-operator 0.85, KEDA 2.21, and Strimzi, whose `v1` came with 0.49), and refuse all others: whoever
uses one more adds it.
"""

from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string", "minLength": 1}
DURATION: Schema = {"type": "string", "pattern": r"^(\d+(ms|s|m|h|d|w|y))+$"}


def whole(least: int, most: int = 2**31 - 1) -> Schema:
    return {"type": "integer", "minimum": least, "maximum": most}


def several(item: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": item}


def texts(*required: str, more: bool = True) -> Schema:
    """Names and texts; these names, and others where there may be more."""
    named = dict.fromkeys(required, TEXT)
    return {
        "type": "object",
        "properties": named,
        "required": list(required),
        "additionalProperties": TEXT if more else False,
    }


def fields(optional: str = "", /, **types: Schema) -> Schema:
    """An object with these fields and no others; all have to be there but the optional ones."""
    required = [name for name in types if name not in optional.split()]
    return {"type": "object", "properties": types, "required": required, "additionalProperties": False}


def an_object(version: str, kind: str, spec: Schema) -> Schema:
    metadata = fields("labels", name=TEXT, namespace=TEXT, labels=texts())
    return fields(apiVersion={"const": version}, kind={"const": kind}, metadata=metadata, spec=spec)


RULE: Schema = {
    "oneOf": [
        fields("for labels", alert=TEXT, expr=TEXT, labels=texts(), annotations=texts(), **{"for": DURATION}),
        fields("labels", record=TEXT, expr=TEXT, labels=texts()),
    ]
}
SCALE_DOWN = fields(
    stabilizationWindowSeconds=whole(0, 3600),
    policies=several(fields(type={"enum": ["Pods", "Percent"]}, value=whole(1), periodSeconds=whole(1, 1800))),
)

SCHEMAS = {
    "PodMonitor": an_object(
        "monitoring.coreos.com/v1",
        "PodMonitor",
        fields(
            jobLabel=TEXT,
            selector=fields(matchLabels=texts()),
            podMetricsEndpoints=several(fields(port=TEXT, path=TEXT, interval=DURATION)),
        ),
    ),
    "PrometheusRule": an_object(
        "monitoring.coreos.com/v1",
        "PrometheusRule",
        fields(groups=several(fields("interval", name=TEXT, interval=DURATION, rules=several(RULE)))),
    ),
    "KafkaTopic": an_object(
        "kafka.strimzi.io/v1",
        "KafkaTopic",
        fields(
            partitions=whole(1),
            replicas=whole(1, 32767),
            config={"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean", "number"]}},
        ),
    ),
    "ScaledObject": an_object(
        "keda.sh/v1alpha1",
        "ScaledObject",
        fields(
            scaleTargetRef=fields(apiVersion=TEXT, kind=TEXT, name=TEXT),
            minReplicaCount=whole(0),
            maxReplicaCount=whole(1),
            advanced=fields(horizontalPodAutoscalerConfig=fields(behavior=fields(scaleDown=SCALE_DOWN))),
            triggers=several(
                fields(
                    type={"const": "prometheus"},
                    metadata=texts("serverAddress", "query", "threshold", more=False),
                )
            ),
        ),
    ),
}
