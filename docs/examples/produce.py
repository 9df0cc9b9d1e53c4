"""Send a user's playlist: `python produce.py BROKERS TOPIC USER SONG…`."""

import json
import sys

from confluent_kafka import Producer

brokers, topic, user, *songs = sys.argv[1:]
producer = Producer(
    {
        "bootstrap.servers": brokers,
        "partitioner": "murmur2_random",  # as every producer of this topic
        "enable.idempotence": True,
    }
)
producer.produce(topic, json.dumps({"type": "snapshot", "songs": songs}), user)
sys.exit(producer.flush(30))
