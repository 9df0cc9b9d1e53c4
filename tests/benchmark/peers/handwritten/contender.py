"""The loop that is usually written by hand: one event at a time, JSON in Redis, a dense vector through the model."""

import json
import signal

import numpy as np
import redis
from confluent_kafka import Consumer, Message, Producer
from task.job import Job, job
from task.model import Model, open_session, pick, time_text

COMMIT_EVERY = 1_000


class Loop:
    def __init__(self, job: Job) -> None:
        model = Model(job.model)
        self._rows, self._words = model.rows, model.words
        self._dense = open_session(job.model / "dense.onnx")
        self._redis = redis.Redis.from_url(job.redis)
        self._job = job
        self._producer = Producer(
            {
                "bootstrap.servers": job.brokers,
                "linger.ms": job.linger_ms,
                "compression.type": "lz4",
                "partitioner": "murmur2_random",
            }
        )

    def label(self, message: Message) -> None:
        event = json.loads(message.value())
        user = event["user"]
        known = self._redis.get(f"{self._job.group}:{user}")
        songs = set(json.loads(known)) if known else set()
        songs -= set(event["remove"])
        songs |= set(event["add"])
        self._redis.set(f"{self._job.group}:{user}", json.dumps(list(songs)))
        playlist = np.zeros((1, len(self._rows)), np.float32)
        playlist[0, [self._rows[song] for song in songs if song in self._rows]] = len(songs) ** -0.5
        gender, cluster = self._dense.run(["gender", "cluster"], {"playlists": playlist})
        answer = pick(gender[0], cluster[0])
        at = event.get("at") or time_text(message.timestamp()[1])
        words = self._words.label(user, answer, len(songs), message.partition(), message.offset(), at)
        self._producer.produce(self._job.labels, json.dumps(words).encode(), message.key())
        self._producer.poll(0)

    def flush(self) -> None:
        self._producer.flush()


def main() -> None:
    task = job()
    consumer = Consumer(
        {
            "bootstrap.servers": task.brokers,
            "group.id": task.group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([task.events])
    loop = Loop(task)
    stopping: list[bool] = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(True))
    done = 0
    while not stopping:
        message = consumer.poll(0.5)
        if message is None or message.error() is not None:
            continue
        loop.label(message)
        done += 1
        if done % COMMIT_EVERY == 0:
            loop.flush()
            consumer.commit(asynchronous=False)
    loop.flush()
    consumer.close()


if __name__ == "__main__":
    main()
