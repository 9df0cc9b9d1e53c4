"""What `worker check` has to say where it gets no answer."""

from typing import Literal

import pytest

from worker.checks.examine import _failed
from worker.errors import Retry, Stop


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("kafka", ["SONGPRINT_KAFKA__BOOTSTRAP_SERVERS", "SONGPRINT_KAFKA__SECURITY_PROTOCOL", "listener"]),
        ("redis", ["SONGPRINT_REDIS__URL", "rediss:// for TLS"]),
    ],
)
def test_a_server_that_is_silent_may_be_spoken_to_in_the_wrong_way(
    part: Literal["kafka", "redis"], words: list[str]
) -> None:
    found = _failed(part, Retry("no answer", part))
    assert (found.part, found.status, found.what) == (part, "problem", "no answer")
    assert all(word in found.mend for word in words)


@pytest.mark.parametrize(
    ("part", "said", "setting"),
    [
        ("kafka", "SSL handshake failed: certificate verify failed", "SONGPRINT_KAFKA__SSL_CA_LOCATION"),
        ("kafka", "tlsv13 alert certificate required", "SONGPRINT_KAFKA__SSL_CERTIFICATE_LOCATION"),
        ("kafka", "tlsv1 alert unknown ca", "SONGPRINT_KAFKA__SSL_CERTIFICATE_LOCATION"),
        ("redis", "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "SONGPRINT_REDIS__SSL_CA_CERTS"),
    ],
)
def test_where_a_certificate_is_refused_its_setting_is_named(
    part: Literal["kafka", "redis"], said: str, setting: str
) -> None:
    assert setting in _failed(part, Retry(said, part)).mend


def test_what_a_person_has_to_change_says_so_itself() -> None:
    found = _failed("bundle", Stop("gender.onnx is damaged: export it again"))
    assert found == ("bundle", "problem", "gender.onnx is damaged: export it again", "")
