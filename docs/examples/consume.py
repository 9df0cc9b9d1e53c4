"""Keep the latest label of every user: `python consume.py BROKERS TOPIC [COUNT]`."""

import json
import sys

from confluent_kafka import Consumer

brokers, topic = sys.argv[1:3]
count = int(sys.argv[3]) if len(sys.argv) > 3 else None
labels: dict[str, dict[str, object]] = {}

consumer = Consumer(
    {
        "bootstrap.servers": brokers,
        "group.id": f"example-{topic}",
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
    }
)
consumer.subscribe([topic])
seen = 0
try:
    while count is None or seen < count:
        record = consumer.poll(1.0)
        if record is None or record.error():
            continue
        seen += 1
        user = record.key().decode()
        if record.value() is None:  # erased, or objecting: forget the label
            labels.pop(user, None)
            print(user, "has no label any more")
            continue
        label = labels[user] = json.loads(record.value())
        gender = label["gender"]["label"] or "no gender: the model abstains"
        print(user, gender, label["cluster"]["name"], f"({label['reason']})")
finally:
    consumer.close()
    print("users with a label:", len(labels))
