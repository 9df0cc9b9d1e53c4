"""Bytewax: at least once, by its recovery snapshots; batches of events, one call of the model per batch."""

import os
from collections.abc import Iterator
from typing import Any

import bytewax.operators as op
import msgspec
import numpy as np
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from confluent_kafka import OFFSET_BEGINNING
from task.job import job
from task.model import Model, time_text
from task.playlist import changed

BATCH = 1_000  # what its documentation reads at a time
CHUNK = 512

JOB = job()
MODEL = Model(JOB.model)


class Event(msgspec.Struct):
    user: str
    add: list[str] = []
    remove: list[str] = []
    at: str | None = None


decode = msgspec.json.Decoder(Event).decode
encode = msgspec.json.encode
Located = tuple[Event, int, int, str]
Folded = tuple[np.ndarray, int, int, str]


def read(messages: list[KafkaSourceMessage[bytes, bytes]]) -> Iterator[tuple[str, Located]]:
    for message in messages:
        event = decode(message.value)
        at = event.at or time_text(message.timestamp[1])
        yield event.user, (event, message.partition, message.offset, at)


def fold(state: bytes | None, located: Located) -> tuple[bytes, Folded]:
    event, *where = located
    rows = changed(state, event.add, event.remove, MODEL.rows)
    return rows.tobytes(), (rows, *where)


def label(batch: list[tuple[str, Folded]]) -> Iterator[KafkaSinkMessage[bytes, bytes]]:
    for start in range(0, len(batch), CHUNK):
        chunk = batch[start : start + CHUNK]
        answers = MODEL.answer([rows for _, (rows, *_) in chunk])
        for (user, (rows, partition, offset, at)), answer in zip(chunk, answers, strict=True):
            words = MODEL.words.label(user, answer, len(rows), partition, offset, at)
            yield KafkaSinkMessage(user.encode(), encode(words))


def build() -> Dataflow:
    flow = Dataflow("labels")
    brokers: Any = [JOB.brokers]
    source = KafkaSource(
        brokers,
        [JOB.events],
        tail=True,
        starting_offset=OFFSET_BEGINNING,
        batch_size=BATCH,
        add_config={"group.id": JOB.group},
    )
    events = op.flat_map_batch("read", op.input("events", flow, source), read)
    states = op.stateful_map("fold", events, fold)
    labels = op.flat_map_batch("label", states, label)
    sink = KafkaSink(brokers, JOB.labels, add_config={"linger.ms": str(JOB.linger_ms), "compression.type": "lz4"})
    op.output("labels", labels, sink)
    return flow


flow = build()
assert os.path.isdir(JOB.state), "make the recovery store first: python -m bytewax.recovery FOLDER 1"
