"""Each option that librdkafka does not take is said by its own name and its setting's, with what it got and accepts."""

from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer

from worker.__main__ import main
from worker.errors import Stop
from worker.passed_options import refuse_wrong_options
from worker.settings import Kafka

CANARY = "canary-52bd"


def said(**fields: dict[str, str]) -> list[str]:
    with pytest.raises(Stop) as stopped:
        refuse_wrong_options(Kafka(**fields))
    return str(stopped.value).splitlines()


@pytest.mark.parametrize(
    ("option", "value", "begins", "words"),
    [
        # librdkafka calls it queue.buffering.max.ms
        ("linger.ms", "x", "linger.ms: got 'x'; accepts a number from 0 to 900000; ", "Invalid value"),
        ("linger.ms", "-5", "linger.ms: got '-5'; ", "is outside allowed range 0..900000"),
        ("socket.keepalive.enable", "7", "socket.keepalive.enable: got '7'; ", "true or false"),
        ("compression.type", "foo", "compression.type: got 'foo'; ", "Invalid value"),
        ("socket.timeout.ms", "", "socket.timeout.ms: got ''; ", "cannot be set to empty value"),
    ],
)
@pytest.mark.parametrize("field", ["options", "consumer_options", "producer_options"])
def test_a_wrong_value_is_told_with_what_is_accepted(
    field: str, option: str, value: str, begins: str, words: str
) -> None:
    (line,) = said(**{field: {"client.rack": "a", option: value}})
    assert line.startswith(f"SONGPRINT_KAFKA__{field.upper()}: {begins}")
    assert words in line


@pytest.mark.parametrize("option", ["sasl.pasword", "ssl.key.pasword", "error_cb"])
def test_what_may_be_a_secret_is_not_told(option: str) -> None:
    (line,) = said(options={option: CANARY})
    assert line.startswith(f"SONGPRINT_KAFKA__OPTIONS: {option}: got ")
    assert (CANARY in line) == (option == "error_cb")


@pytest.mark.parametrize("option", ["ssl.keystore.password", "ssl.key.pem", "sasl.oauthbearer.client.secret"])
def test_a_secret_is_not_told_whatever_is_wrong_with_it(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.passed_options.refusal", lambda *_: "it is no good")
    (line,) = said(options={option: CANARY})
    assert line.startswith(f"SONGPRINT_KAFKA__OPTIONS: {option}: got a value that is not shown; ")
    assert CANARY not in line


def test_every_wrong_one_is_told() -> None:
    lines = said(options={"debug": "x", "no.such": "1"}, producer_options={"linger.ms": "x", "batch.size": "100000"})
    assert [line.split(": ")[:2] for line in lines] == [
        ["SONGPRINT_KAFKA__OPTIONS", "debug"],
        ["SONGPRINT_KAFKA__OPTIONS", "no.such"],
        ["SONGPRINT_KAFKA__PRODUCER_OPTIONS", "linger.ms"],
    ]


def test_right_ones_pass_and_make_no_client(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes: list[bool] = []

    def made(options: dict[str, str]) -> None:
        try:
            Producer(options)
        except KafkaException:
            outcomes.append(False)
            raise
        outcomes.append(True)

    monkeypatch.setattr("worker.adapters.kafka_options.Producer", made)
    # Of the first a client would also need a key, of the last a consumer.
    options = {"ssl.certificate.pem": "x", "linger.ms": "5", "fetch.max.bytes": "10"}
    refuse_wrong_options(Kafka(options=options))
    assert outcomes == [False] * len(options)


@pytest.mark.parametrize(
    "command", [["topics", "--create"], ["dlq", "list"], ["load", "."]], ids=lambda words: words[0]
)
def test_every_command_that_makes_a_client_refuses_them(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plays.csv").write_text("user_id,song_id\nu,s\n")
    monkeypatch.setenv("SONGPRINT_KAFKA__OPTIONS", '{"linger.ms": "x"}')
    assert main(command) == 1
    assert "SONGPRINT_KAFKA__OPTIONS: linger.ms: got 'x'; accepts" in capsys.readouterr().err
