"""Settings: what wins over what, and what a wrong value is told."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.integration.certificates import Authority
from worker.configuration import accepted, is_secret, setting_fields, variable
from worker.errors import Stop
from worker.kafka_options import FIXED, OWN
from worker.settings import Kafka, Settings, load_settings

FIELDS = dict(setting_fields(Settings))
SECRET_FILES = [name for name in FIELDS if name.endswith("_file")]
CANARY = "canary-7f3a"
CERTIFICATE = "the path of a certificate"
SASL = {"KAFKA__SECURITY_PROTOCOL": "sasl_ssl"}


def wrong(environment: dict[str, str], config: Path | None = None) -> list[str]:
    """The lines of the error, its heading aside."""
    with pytest.raises(Stop) as stopped:
        load_settings(config, {}, environment)
    heading, *lines = str(stopped.value).split("\n")
    assert heading == "wrong settings:"
    return lines


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(Authority(tmp_path_factory.mktemp("authority") / "ca").certificate)


@pytest.fixture
def toml(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "worker.toml"
        path.write_text(text)
        return path

    return write


def test_needs_nothing_to_be_set() -> None:
    assert load_settings(None, {}, {}) == Settings()


def test_the_environment_wins_over_the_file_and_overrides_over_both(toml: Any) -> None:
    file = toml('[kafka]\ngroup = "file"\nlabels_topic = "file-labels"\n[batch]\nmax_events = 7\n[http]\nport = 1\n')
    environment = {"SONGPRINT_KAFKA__GROUP": "environment", "SONGPRINT_HTTP__PORT": "2"}

    settings = load_settings(file, {"http.port": 3, "kafka.instance": "me", "kafka.group": None}, environment)

    assert settings.kafka.group == "environment"
    assert settings.kafka.labels_topic == "file-labels"
    assert settings.batch.max_events == 7
    assert settings.http.port == 3
    assert settings.kafka.member == "environment-me"


def test_the_file_may_be_named_by_the_environment(toml: Any) -> None:
    file = toml("[policy]\nmax_songs = 12\n")
    assert load_settings(None, {}, {"SONGPRINT_CONFIG": str(file)}).policy.max_songs == 12


def test_reads_the_environment_of_the_process_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONGPRINT_MODEL__THREADS", "3")
    assert load_settings(None, {}).model.threads == 3


def test_an_empty_variable_counts_as_none() -> None:
    assert load_settings(None, {}, {"SONGPRINT_KAFKA__GROUP": "", "SONGPRINT_CONFIG": ""}) == Settings()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[kafka]\ngrup = "x"\n', "kafka.grup is no setting; did you mean kafka.group?"),
        ("[bach]\nmax_events = 3\n", "bach.max_events is no setting; did you mean batch.max_events?"),
        ("log = 3\n", "log is no setting"),
        ("[zzzzzz]\nqqqqqq = 3\n", "zzzzzz.qqqqqq is no setting"),
        ("[zzzzzz]\n", "zzzzzz is no setting"),
    ],
)
def test_an_unknown_name_in_the_file_is_refused_with_the_close_one(toml: Any, text: str, complaint: str) -> None:
    file = toml(text)
    (line,) = wrong({}, file)
    assert line.startswith(f"{file}: {complaint}")


@pytest.mark.parametrize(
    ("name", "close"),
    [
        ("SONGPRINT_KAFKA__GRUP", "SONGPRINT_KAFKA__GROUP"),
        ("SONGPRINT_HTTP_PORT", "SONGPRINT_HTTP__PORT"),
        ("SONGPRINT_kafka__group", "SONGPRINT_KAFKA__GROUP"),
        ("SONGPRINT_KAFKA", None),
    ],
)
def test_an_unknown_variable_is_refused_with_the_close_one(name: str, close: str | None) -> None:
    (line,) = wrong({name: "1"})
    assert line.startswith(f"{name} is no setting")
    if close:
        assert line.endswith(f"; did you mean {close}?")


def test_what_kubernetes_puts_into_the_environment_is_no_setting() -> None:
    environment = {
        "SONGPRINT_PORT": "tcp://10.0.0.1:9464",
        "SONGPRINT_SERVICE_HOST": "10.0.0.1",
        "SONGPRINT_SERVICE_PORT_METRICS": "9464",
        "SONGPRINT_WORKER_PORT_9464_TCP": "tcp://10.0.0.1:9464",
        "SONGPRINT_WORKER_PORT_9464_TCP_ADDR": "10.0.0.1",
        "SONGPRINT_WORKER_PORT": "udp://10.0.0.1:9464",
        "SONGPRINT_WORKER_PORT_9464_UDP": "udp://10.0.0.1:9464",
        "SONGPRINT_WORKER_PORT_9464_UDP_PORT": "9464",
        "SONGPRINT_SIGNALS_PORT": "sctp://10.0.0.1:9464",
        "SONGPRINT_SIGNALS_PORT_9464_SCTP_PROTO": "sctp",
    }
    assert load_settings(None, {}, environment) == Settings()


WRONG = [
    ("KAFKA__BOOTSTRAP_SERVERS", "localhost 9092", "host:port"),
    ("KAFKA__BOOTSTRAP_SERVERS", "a:9092,b:99999", "a port from 1 to 65535"),
    ("KAFKA__BOOTSTRAP_SERVERS", "a:0", "a port from 1 to 65535"),
    ("KAFKA__BOOTSTRAP_SERVERS", "[::::]:9092", "a host's name or IP address"),
    ("KAFKA__BOOTSTRAP_SERVERS", "ssl://a:9092", "host:port"),
    ("KAFKA__GROUP", "a group", "letters, digits"),
    ("KAFKA__INSTANCE", "a worker", "letters, digits"),
    ("KAFKA__EVENTS_TOPIC", "a/b", "topic's name"),
    ("KAFKA__LABELS_TOPIC", "a b", "topic's name"),
    ("KAFKA__STATE_TOPIC", "a,b", "topic's name"),
    ("KAFKA__EVENTS_TOPIC", ".", "more than . or .."),
    ("KAFKA__LABELS_TOPIC", "..", "more than . or .."),
    ("KAFKA__DEAD_LETTER_TOPIC", "a:b", "topic's name"),
    ("KAFKA__ASSIGNMENT", "sticky", "cooperative-sticky, range, roundrobin"),
    ("KAFKA__GROUP_PROTOCOL", "newest", "classic, consumer"),
    ("KAFKA__SECURITY_PROTOCOL", "tls", "plaintext, ssl, sasl_plaintext, sasl_ssl"),
    ("KAFKA__SASL_MECHANISM", "SCRAM", "SCRAM-SHA-512"),
    ("KAFKA__SSL_CA_LOCATION", "/no/such.pem", "a file that exists"),
    ("KAFKA__SSL_CERTIFICATE_LOCATION", "/no/such.pem", "a file that exists"),
    ("KAFKA__SSL_KEY_LOCATION", "/no/such.pem", "a file that exists"),
    ("KAFKA__SSL_CA_LOCATION", __file__, "a file of certificates (PEM)"),
    ("KAFKA__SSL_CERTIFICATE_LOCATION", __file__, "a file of certificates (PEM)"),
    ("KAFKA__TRANSACTION_TIMEOUT_MS", "20000", "less than the session timeout, which is 20000 ms"),
    ("KAFKA__OPTIONS", "linger.ms=3", "a JSON object"),
    ("KAFKA__OPTIONS", '["linger.ms"]', "a table of librdkafka options"),
    ("KAFKA__OPTIONS", '{"linger.ms": [1]}', "linger.ms accepts text, a number, true or false"),
    ("KAFKA__CONSUMER_OPTIONS", "linger.ms=3", "a JSON object"),
    ("KAFKA__PRODUCER_OPTIONS", "linger.ms=3", "a JSON object"),
    ("REDIS__URL", "http://127.0.0.1:6379", "redis://HOST:PORT/DB"),
    ("REDIS__URL", "redis:///0", "redis://HOST:PORT/DB"),
    ("REDIS__URL", "redis://127.0.0.1:6379/zero", "redis://HOST:PORT/DB"),
    ("REDIS__URL", "redis://127.0.0.1:65536/0", "a port from 1 to 65535"),
    ("REDIS__URL", "redis://127.0.0.1:0/0", "a port from 1 to 65535"),
    ("REDIS__URL", "redis://[::::]:6379", "a host's name or IP address"),
    ("REDIS__URL", "redis://a..b:6379", "a host's name or IP address"),
    ("REDIS__CLUSTER", "maybe", "true or false"),
    ("REDIS__SSL_CA_CERTS", "/no/such.pem", "a file that exists"),
    ("REDIS__SSL_CA_CERTS", __file__, "a file of certificates (PEM)"),
    ("REDIS__KEY_PREFIX", "a:b", "letters, digits"),
    ("BATCH__MAX_EVENTS", "many", "a whole number from 1 to 100000"),
    ("BATCH__MAX_EVENTS", "1.5", "a whole number from 1 to 100000"),
    ("MODEL__RELABEL", "sometimes", "true or false"),
    ("POLICY__LABELLING_DEFAULT", "maybe", "true or false"),
    ("RETRY__JITTER", "nan", "a number from 0 to 1"),
    ("HTTP__HOST", "http://localhost", "a host's name or IP address"),
    ("HTTP__HOST", "a..b", "a host's name or IP address"),
    ("HTTP__HOST", "a" * 70, "a host's name or IP address"),
    ("LOG__LEVEL", "loud", "debug, info, warning, error"),
    ("LOG__FORMAT", "xml", "auto, json, text"),
    ("RETRY__MAX_MS", "50", "at least first_ms, which is 100"),
]


@pytest.mark.parametrize(("name", "value", "accepts"), WRONG)
def test_a_wrong_value_is_told_its_name_what_it_is_and_what_is_accepted(name: str, value: str, accepts: str) -> None:
    (line,) = wrong({f"SONGPRINT_{name}": value})
    assert line.startswith(f"SONGPRINT_{name}: got ")
    assert accepts in line
    if not name.endswith("OPTIONS"):
        assert repr(value) in line


@pytest.mark.parametrize(
    ("name", "value", "default", "accepts"),
    [
        ("KAFKA__SESSION_TIMEOUT_MS", "9000", "KAFKA__TRANSACTION_TIMEOUT_MS: got 10000", "which is 9000 ms"),
        ("RETRY__FIRST_MS", "20000", "RETRY__MAX_MS: got 10000", "at least first_ms, which is 20000"),
    ],
)
def test_a_default_that_does_not_go_with_what_is_set_is_told(name: str, value: str, default: str, accepts: str) -> None:
    (line,) = wrong({f"SONGPRINT_{name}": value})
    assert line.startswith(f"SONGPRINT_{default}")
    assert accepts in line


def test_a_long_value_is_told_by_its_beginning() -> None:
    (line,) = wrong({"SONGPRINT_KAFKA__GROUP": "a group " * 1_000})
    assert line.startswith("SONGPRINT_KAFKA__GROUP: got 'a group a group ")
    assert len(line) < 250


TAKE_ANY_TEXT = {
    "kafka.sasl_username",
    "kafka.sasl_password",
    "kafka.ssl_key_password",
    "redis.username",
    "redis.password",
}
LOOKED_AT_LATER = {"model.bundle"}
"""What only the machine tells: a bundle is loaded before anything else is done."""


def test_a_wrong_value_of_every_setting_is_tried() -> None:
    """Here, or out of its bounds, or a file of a secret that is not there."""
    here = {f"SONGPRINT_{name}" for name, _, _ in WRONG}
    numbers = {variable(name) for name, field in FIELDS.items() if accepted(field).endswith(tuple("0123456789"))}
    others = {variable(name) for name in TAKE_ANY_TEXT | LOOKED_AT_LATER | set(SECRET_FILES)}
    assert here | numbers | others == {variable(name) for name in FIELDS}
    assert here.isdisjoint(others)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kafka.bootstrap_servers", "a:1,[::1]:65535,b_c,ö.example:9092"),
        ("redis.url", "redis://[::1]:65535/2"),
        ("redis.url", "unix:///run/redis:99999.sock"),
        ("redis.url", "rediss://redis"),
        ("http.host", "::"),
        ("http.host", "fe80::1%eth0"),
        ("http.host", "worker-0.worker"),
    ],
)
def test_every_way_to_write_an_address_is_taken(name: str, value: str) -> None:
    group, _, field = name.partition(".")
    assert getattr(getattr(load_settings(None, {}, {variable(name): value}), group), field) == value


def test_an_empty_text_in_the_file_is_refused(toml: Any) -> None:
    (line,) = wrong({}, toml('[http]\nhost = ""\n'))
    assert line.startswith("SONGPRINT_HTTP__HOST: got ''")


def test_a_path_that_no_file_can_have_is_refused(toml: Any) -> None:
    (line,) = wrong({}, toml('[model]\nbundle = "a\\u0000b"\n'))
    assert line == r"SONGPRINT_MODEL__BUNDLE: got 'a\x00b'; accepts a path, which holds no NUL byte"


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"KAFKA__STATE_TOPIC": "user-labels"}, ["KAFKA__STATE_TOPIC", "KAFKA__LABELS_TOPIC"]),
        ({"KAFKA__LABELS_TOPIC": "playlist-events"}, ["KAFKA__LABELS_TOPIC", "KAFKA__EVENTS_TOPIC"]),
        ({"KAFKA__DEAD_LETTER_TOPIC": "user-state"}, ["KAFKA__DEAD_LETTER_TOPIC", "KAFKA__STATE_TOPIC"]),
        ({"KAFKA__SECURITY_PROTOCOL": "SASL_SSL"}, ["KAFKA__SASL_MECHANISM"]),
        (
            {"KAFKA__SECURITY_PROTOCOL": "sasl_ssl", "KAFKA__SASL_MECHANISM": "PLAIN"},
            ["KAFKA__SASL_USERNAME", "KAFKA__SASL_PASSWORD"],
        ),
        *(
            ({**SASL, "KAFKA__SASL_MECHANISM": mechanism, **half}, ["KAFKA__SASL_USERNAME", "KAFKA__SASL_PASSWORD"])
            for mechanism in ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
            for half in ({"KAFKA__SASL_USERNAME": "me"}, {"KAFKA__SASL_PASSWORD": "secret"})
        ),
        ({"KAFKA__SASL_USERNAME": "me"}, ["KAFKA__SECURITY_PROTOCOL"]),
        ({"KAFKA__SASL_MECHANISM": "GSSAPI"}, ["KAFKA__SECURITY_PROTOCOL"]),
        ({"KAFKA__SSL_KEY_LOCATION": __file__}, ["KAFKA__SSL_CERTIFICATE_LOCATION"]),
        ({"KAFKA__SSL_CERTIFICATE_LOCATION": CERTIFICATE}, ["KAFKA__SSL_KEY_LOCATION"]),
        ({"KAFKA__SSL_CA_LOCATION": CERTIFICATE}, ["KAFKA__SECURITY_PROTOCOL"]),
        (
            {"KAFKA__SSL_KEY_LOCATION": __file__, "KAFKA__SSL_CERTIFICATE_LOCATION": CERTIFICATE},
            ["KAFKA__SECURITY_PROTOCOL"],
        ),
        ({"REDIS__CLUSTER": "true", "REDIS__URL": "redis://127.0.0.1:6379/2"}, ["REDIS__CLUSTER", "REDIS__URL"]),
        ({"REDIS__CLUSTER": "true", "REDIS__URL": "unix:///tmp/redis"}, ["REDIS__CLUSTER", "REDIS__URL"]),
        ({"REDIS__SSL_CA_CERTS": CERTIFICATE}, ["REDIS__SSL_CA_CERTS"]),
        ({"REDIS__PASSWORD": "x", "REDIS__PASSWORD_FILE": __file__}, ["REDIS__PASSWORD", "REDIS__PASSWORD_FILE"]),
    ],
)
def test_settings_that_contradict_each_other_are_named(
    environment: dict[str, str], named: list[str], certificate: str
) -> None:
    given = {name: certificate if value == CERTIFICATE else value for name, value in environment.items()}
    (line,) = wrong({f"SONGPRINT_{name}": value for name, value in given.items()})
    assert all(re.search(rf"SONGPRINT_{name}\b", line) for name in named), line


def test_a_cluster_has_one_database_and_either_way_to_say_so() -> None:
    for url in ("redis://127.0.0.1", "redis://127.0.0.1:6379/", "rediss://127.0.0.1:6379/0"):
        given = {"SONGPRINT_REDIS__CLUSTER": "true", "SONGPRINT_REDIS__URL": url}
        assert load_settings(None, {}, given).redis.cluster


def test_a_login_without_a_password_of_ours_needs_none() -> None:
    given = {f"SONGPRINT_{name}": value for name, value in {**SASL, "KAFKA__SASL_MECHANISM": "GSSAPI"}.items()}
    assert load_settings(None, {}, given).kafka.client_options()["sasl.mechanism"] == "GSSAPI"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/no/such", "No such file or directory"),
        ("\0", "is none"),
        (".", "Is a directory"),
        (sys.executable, "is none"),
    ],
)
@pytest.mark.parametrize("name", SECRET_FILES)
def test_a_secrets_file_that_cannot_be_read_is_told(name: str, path: str, why: str) -> None:
    (line,) = wrong({variable(name): path})
    assert line.startswith(f"{variable(name)}: got a value that is not shown; accepts the path of a text file: ")
    assert line.endswith(why)


def test_everything_wrong_is_told_at_once() -> None:
    lines = wrong({"SONGPRINT_KAFKA__GRUP": "1", "SONGPRINT_HTTP__PORT": "x", "SONGPRINT_POLICY__MAX_SONGS": "0"})
    assert [line.split(":")[0].split(" ")[0] for line in lines] == [
        "SONGPRINT_KAFKA__GRUP",
        "SONGPRINT_POLICY__MAX_SONGS",
        "SONGPRINT_HTTP__PORT",
    ]


@pytest.mark.parametrize(("text", "what"), [(None, "cannot read"), ("[kafka", "is not TOML")])
def test_a_bad_file_is_told(tmp_path: Path, text: str | None, what: str) -> None:
    file = tmp_path / "worker.toml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(Stop, match=f"{what}.*|.*{what}") as stopped:
        load_settings(file, {}, {})
    assert str(file) in str(stopped.value)


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_is_documented_and_every_number_bounded(name: str) -> None:
    field = FIELDS[name]
    assert field.description
    assert field.description.endswith(".")
    assert not field.is_required()
    bounds = re.fullmatch(r"a (?:whole )?number from (\S+) to (\S+)", accepted(field))
    for beyond in (float(bounds[1]) - 1, float(bounds[2]) + 1) if bounds else ():
        (line,) = wrong({variable(name): f"{beyond:.0f}"})
        assert line == f"{variable(name)}: got '{beyond:.0f}'; accepts {accepted(field)}"


@given(st.sampled_from(sorted(FIELDS)), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_whatever_stands_in_a_variable_is_taken_or_refused_by_name(name: str, value: str) -> None:
    refused = ""
    try:
        load_settings(None, {}, {variable(name): value})
    except Stop as stop:
        refused = str(stop)
    assert not refused or f"{variable(name.partition('.')[0])}__" in refused


def test_settings_are_frozen() -> None:
    settings = Settings()
    with pytest.raises(ValidationError, match="frozen"):
        settings.kafka.group = "other"
    with pytest.raises(ValidationError, match="frozen"):
        settings.kafka = Kafka()


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_secrets_are_read_from_files(tmp_path: Path, end: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(f" {CANARY} {end}".encode())
    settings = load_settings(None, {}, {"SONGPRINT_REDIS__PASSWORD_FILE": str(file)})
    assert settings.redis.password is not None
    assert settings.redis.password.get_secret_value() == f" {CANARY} ", "all but the line's end"


def test_a_key_and_its_password_reach_the_client(tmp_path: Path, certificate: str) -> None:
    files = {name: tmp_path / name for name in ("ca_location", "certificate_location", "key_location", "key_password")}
    for name, file in files.items():
        file.write_text(f"{CANARY}\n" if name.startswith("key") else Path(certificate).read_text())
    given = {f"kafka.ssl_{name}{'_file' * (name == 'key_password')}": file for name, file in files.items()}
    options = load_settings(None, {"kafka.security_protocol": "ssl", **given}, {}).kafka.client_options()
    assert options.pop("ssl.key.password") == CANARY
    assert {name: value for name, value in options.items() if name.startswith("ssl.")} == {
        f"ssl.{name.replace('_', '.')}": str(file) for name, file in files.items() if name != "key_password"
    }


SECRETS = [name for name, field in FIELDS.items() if is_secret(field)]


def test_what_must_not_be_shown_is_marked() -> None:
    passwords = {name for name in FIELDS if name.endswith("password")}
    assert passwords < set(SECRETS)
    assert {"kafka.options", "kafka.consumer_options", "kafka.producer_options"} < set(SECRETS)


def test_secrets_are_never_printed() -> None:
    settings = load_settings(
        None,
        {},
        {
            "SONGPRINT_KAFKA__SECURITY_PROTOCOL": "sasl_plaintext",
            "SONGPRINT_KAFKA__SASL_MECHANISM": "PLAIN",
            "SONGPRINT_KAFKA__SASL_USERNAME": "me",
            "SONGPRINT_KAFKA__SASL_PASSWORD": CANARY,
            "SONGPRINT_KAFKA__OPTIONS": json.dumps({"ssl.key.pem": CANARY}),
            "SONGPRINT_REDIS__PASSWORD": CANARY,
        },
    )
    assert CANARY not in f"{settings!r} {settings} {settings.kafka!r}"
    assert settings.kafka.client_options()["sasl.password"] == CANARY


@pytest.mark.parametrize(
    "environment",
    [
        {"REDIS__URL": f"redis://:{CANARY}@127.0.0.1:6379"},
        {"REDIS__URL": f"redis://me:pass/{CANARY}@127.0.0.1:6379"},
        {"REDIS__URL": f"redis://127.0.0.1:6379?password={CANARY}"},
        {"REDIS__URL": f"unix:///run/redis?password={CANARY}"},
        {"KAFKA__OPTIONS": json.dumps({"acks": CANARY})},
        {"KAFKA__OPTIONS": CANARY},
        {"KAFKA__SASL_PASSWORD": CANARY},
        *({variable(name).removeprefix("SONGPRINT_"): CANARY} for name in SECRET_FILES),
        {"REDIS__PASSWORD": CANARY, "REDIS__PASSWORD_FILE": __file__},
    ],
)
def test_errors_show_no_secrets(environment: dict[str, str]) -> None:
    lines = wrong({f"SONGPRINT_{name}": value for name, value in environment.items()})
    assert CANARY not in "\n".join(lines)


@pytest.mark.parametrize("option", FIXED | OWN)
@pytest.mark.parametrize("field", ["OPTIONS", "CONSUMER_OPTIONS", "PRODUCER_OPTIONS"])
def test_options_of_the_protocol_and_those_with_a_setting_cannot_be_passed_through(field: str, option: str) -> None:
    (line,) = wrong({f"SONGPRINT_KAFKA__{field}": json.dumps({"linger.ms": 1, option: "x"})})
    assert line.startswith(f"SONGPRINT_KAFKA__{field}: ")
    assert option in line
    assert (FIXED | {name: f"kafka.{own}" for name, own in OWN.items()})[option] in line


def test_own_options_are_settings(certificate: str) -> None:
    files = ("ssl_ca_location", "ssl_certificate_location", "ssl_key_location")
    words = {"sasl_mechanism": "PLAIN", "sasl_username": "me", "sasl_password": CANARY, "ssl_key_password": CANARY}
    given = {**words, **dict.fromkeys(files, certificate), "security_protocol": "sasl_ssl"}
    options = load_settings(None, {f"kafka.{name}": value for name, value in given.items()}, {}).kafka.client_options()
    assert set(options) - {"client.id"} <= set(OWN), "or it could be set twice"
    assert set(OWN.values()) <= set(Kafka.model_fields)


def test_all_other_options_are_passed_through(toml: Any) -> None:
    file = toml('[kafka.options]\nsocket.keepalive.enable = true\n"linger.ms" = 7\nclient.rack = "a"\n')
    settings = load_settings(file, {}, {"SONGPRINT_KAFKA__PRODUCER_OPTIONS": '{"compression.type": "zstd"}'})
    assert settings.kafka.options == {"socket.keepalive.enable": "true", "linger.ms": "7", "client.rack": "a"}
    assert settings.kafka.producer_options == {"compression.type": "zstd"}
    assert settings.kafka.client_options().items() >= settings.kafka.options.items()


def test_librdkafka_accepts_the_client_options() -> None:
    kafka = Kafka(
        bootstrap_servers="127.0.0.1:1,[::1]:1",
        security_protocol="SASL_PLAINTEXT",  # type: ignore[arg-type]  # either case is accepted
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="me",
        sasl_password=CANARY,  # type: ignore[arg-type]
        instance="one",
        options={"log_level": "0"},
    )
    AdminClient(kafka.client_options())  # raises on an option or a value that librdkafka does not know
    assert kafka.client_options()["security.protocol"] == "sasl_plaintext"
    assert kafka.client_options()["client.id"] == kafka.member == "songprint-one"
