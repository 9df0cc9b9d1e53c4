"""What is made from the code, by its path in the tree."""

from collections.abc import Callable

from deploy.reference.kubernetes import kafka_topics, prometheus_rules
from deploy.reference.metrics import metrics_page
from deploy.reference.schemas import dead_letter_schema, event_schema, label_schema, tombstone_schema
from deploy.reference.settings import settings_page

PAGES: dict[str, Callable[[], str]] = {
    "docs/settings.md": settings_page,
    "docs/metrics.md": metrics_page,
    "docs/schemas/event.schema.json": event_schema,
    "docs/schemas/label.schema.json": label_schema,
    "docs/schemas/tombstone-headers.schema.json": tombstone_schema,
    "docs/schemas/dead-letter-headers.schema.json": dead_letter_schema,
    "deploy/kubernetes/overlays/production/rules.yaml": prometheus_rules,
    "deploy/kubernetes/overlays/production/topics.yaml": kafka_topics,
}
