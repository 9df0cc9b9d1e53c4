"""Options and files that librdkafka does not take are said by the setting's name, without what it got."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from worker.adapters.kafka_client import make_client
from worker.errors import Stop

CANARY = "canary-52bd"


@pytest.mark.parametrize("kind", [AdminClient, Producer])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"no.such": CANARY}, ["no.such", "SONGPRINT_KAFKA__OPTIONS"]),
        ({"socket.timeout.ms": CANARY}, ["socket.timeout.ms", "SONGPRINT_KAFKA__PRODUCER_OPTIONS"]),
        ({"error_cb": CANARY}, ["error_cb", "SONGPRINT_KAFKA__OPTIONS"]),
    ],
)
def test_an_option_is_refused(kind: type, options: dict[str, str], words: list[str]) -> None:
    with pytest.raises(Stop) as stopped:
        make_client(kind, options)
    assert all(word in str(stopped.value) for word in words)
    assert CANARY not in str(stopped.value)


@pytest.mark.parametrize("option", ["ssl.ca.location", "ssl.certificate.location", "ssl.key.location"])
def test_a_file_that_is_no_certificate_is_refused_by_its_setting(option: str, tmp_path: Path) -> None:
    (tmp_path / "file.pem").write_text("nothing of the kind")
    with pytest.raises(Stop, match=f"SONGPRINT_KAFKA__{option.replace('.', '_').upper()}"):
        make_client(Producer, {"security.protocol": "ssl", option: str(tmp_path / "file.pem")})


def test_a_way_to_log_in_that_this_librdkafka_was_not_built_with_is_refused_by_its_setting() -> None:
    with pytest.raises(Stop, match=r"Correct SONGPRINT_KAFKA__SASL_MECHANISM$"):
        make_client(Producer, {"security.protocol": "sasl_plaintext", "sasl.mechanism": "NONE"})


def test_a_client_is_made() -> None:
    make_client(Consumer, {"group.id": "g"}).close()
