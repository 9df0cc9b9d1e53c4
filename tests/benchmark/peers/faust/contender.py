"""Faust: at least once, the playlists in a table, one call of the model per event."""

import faust
import orjson
from task.job import job
from task.model import Model, time_text
from task.playlist import changed

PARTITIONS = 8

JOB = job()
MODEL = Model(JOB.model)

app = faust.App(
    JOB.group,
    broker=f"kafka://{JOB.brokers}",
    store="memory://",
    topic_partitions=PARTITIONS,
    topic_replication_factor=1,
    topic_disable_leader=True,
    key_serializer="raw",
    value_serializer="raw",
    processing_guarantee="at_least_once",
    consumer_auto_offset_reset="earliest",
    broker_commit_interval=JOB.commit_ms / 1000,
    producer_linger=JOB.linger_ms / 1000,
    stream_buffer_maxsize=16_384,
    web_enabled=False,
    datadir=str(JOB.state),
)
events = app.topic(JOB.events, key_type=bytes, value_type=bytes)
labels = app.topic(JOB.labels, key_type=bytes, value_type=bytes)
playlists = app.Table("playlists", default=bytes, partitions=PARTITIONS, key_type=bytes, value_type=bytes)


@app.agent(events)
async def label(stream: faust.Stream) -> None:
    async for received in stream.events():
        event = orjson.loads(received.value)
        rows = changed(playlists[received.key] or None, event["add"], event["remove"], MODEL.rows)
        playlists[received.key] = rows.tobytes()
        message = received.message
        at = event.get("at") or time_text(int(message.timestamp * 1000))
        answer = MODEL.answer_one(rows)
        words = MODEL.words.label(event["user"], answer, len(rows), message.partition, message.offset, at)
        await labels.send(key=received.key, value=orjson.dumps(words))


if __name__ == "__main__":
    app.main()
