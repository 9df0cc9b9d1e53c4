"""Quix Streams: exactly once, the playlists in its state store, one call of the model per event."""

from typing import Any

from quixstreams import Application, State, message_context
from task.job import job
from task.model import Model, time_text
from task.playlist import changed

JOB = job()
MODEL = Model(JOB.model)


def label(event: dict[str, Any], _key: bytes, timestamp: int, _headers: Any, state: State) -> dict[str, Any]:
    rows = changed(state.get_bytes("songs"), event["add"], event["remove"], MODEL.rows)
    state.set_bytes("songs", rows.tobytes())
    context = message_context()
    at = event.get("at") or time_text(timestamp)
    answer = MODEL.answer_one(rows)
    return MODEL.words.label(event["user"], answer, len(rows), context.partition, context.offset, at)


def main() -> None:
    application = Application(
        broker_address=JOB.brokers,
        consumer_group=JOB.group,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=JOB.commit_ms / 1000,
        state_dir=JOB.state,
        loglevel="WARNING",
        producer_extra_config={
            "linger.ms": JOB.linger_ms,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 1_000_000,
        },
    )
    events = application.topic(JOB.events, key_deserializer="bytes", value_deserializer="json")
    labels = application.topic(JOB.labels, key_serializer="bytes", value_serializer="json")
    stream = application.dataframe(events)
    stream = stream.apply(label, stateful=True, metadata=True)
    stream.to_topic(labels)
    application.run()


if __name__ == "__main__":
    main()
