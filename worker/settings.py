"""Every setting of the worker: one frozen object, built once from the environment, a TOML file and the command line."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from worker.configuration import load
from worker.kafka_options import Options, own_and_fixed_options_refused
from worker.values import AnyCase, Certificates, ExistingFile, Folder, Host, Name, RedisUrl, Servers, Topic


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _read_secret_files(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Put the content of each `NAME_file` in NAME's place."""
        secrets = {
            name.removesuffix("_file"): _secret(name, Path(value), given)
            for name, value in given.items()
            if name.endswith("_file") and value is not None
        }
        return {**given, **secrets}


def _secret(name: str, path: Path, given: Mapping[str, Any]) -> str:
    secret = name.removesuffix("_file")
    if given.get(secret) is not None:
        raise ValueError(f"`{secret}` and `{name}` are both set; one of the two is accepted")
    try:
        return path.read_text().rstrip("\r\n")
    except (OSError, ValueError) as error:  # not there, not text, no path
        why = error.strerror if isinstance(error, OSError) else "this is none"
        # Not shown, nor chained: whoever mixes the two up has put the secret itself there.
        raise ValueError(f"`{name}`: got a value that is not shown; accepts the path of a text file: {why}") from None


class Kafka(_Group):
    bootstrap_servers: Servers = Field(default="127.0.0.1:9092", description="Brokers to begin with.")
    group: Name = Field(
        default="songprint", description="Consumer group; it owns the offsets and, in Redis, the states."
    )
    instance: Name = Field(
        default_factory=socket.gethostname,
        description="Name of this worker, unique in its group and the same after a restart; by default the host's name."
        " The static member id and the transactional id are GROUP-INSTANCE.",
    )
    events_topic: Topic = Field(default="playlist-events", description="Topic that playlist events are read from.")
    labels_topic: Topic = Field(default="user-labels", description="Topic that labels are written to.")
    state_topic: Topic = Field(default="user-state", description="Changelog of the users' states.")
    dead_letter_topic: Topic = Field(
        default="playlist-events.dlq", description="Topic of events that can never be processed."
    )
    session_timeout_ms: int = Field(
        default=20_000, ge=6_000, le=300_000, description="A worker unheard of for so long loses its partitions."
    )
    transaction_timeout_ms: int = Field(
        default=10_000,
        ge=1_000,
        le=290_000,
        description="The broker aborts a transaction that is open for so long; it must be below the session timeout.",
    )
    startup_timeout_s: float = Field(
        default=30, ge=1, le=600, description="How long to wait for brokers and Redis at start before giving up."
    )
    assignment: Literal["cooperative-sticky", "range", "roundrobin"] = Field(
        default="cooperative-sticky", description="How partitions are shared out; not used by the consumer protocol."
    )
    group_protocol: Annotated[Literal["classic", "consumer"], AnyCase] = Field(
        default="classic",
        description="Rebalance protocol; `consumer` is KIP-848, needs brokers of version 4, and makes a killed worker"
        " that is started again wait for the end of its old session, 45 s unless the brokers say otherwise.",
    )
    security_protocol: Annotated[Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"], AnyCase] = Field(
        default="plaintext", description="How to talk to the brokers."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER", "GSSAPI"] | None = Field(
        default=None, description="How to log in; needed by sasl_plaintext and sasl_ssl."
    )
    sasl_username: str | None = Field(default=None, description="User of PLAIN and SCRAM.")
    sasl_password: SecretStr | None = Field(default=None, description="Password of PLAIN and SCRAM.")
    sasl_password_file: Path | None = Field(default=None, description="File that holds the password.")
    ssl_ca_location: Certificates | None = Field(
        default=None, description="Certificates (PEM) of the authorities that brokers are checked against."
    )
    ssl_certificate_location: Certificates | None = Field(default=None, description="This client's certificate (PEM).")
    ssl_key_location: ExistingFile | None = Field(default=None, description="This client's private key (PEM).")
    ssl_key_password: SecretStr | None = Field(default=None, description="Password of the private key.")
    ssl_key_password_file: Path | None = Field(default=None, description="File that holds the private key's password.")
    options: Options = Field(default={}, repr=False, description="Further librdkafka options of every client.")
    consumer_options: Options = Field(default={}, repr=False, description="Librdkafka options of a worker's consumer.")
    producer_options: Options = Field(default={}, repr=False, description="Librdkafka options of a worker's producer.")

    @field_validator("options", "consumer_options", "producer_options")
    @classmethod
    def _free_to_choose(cls, options: dict[str, str]) -> dict[str, str]:
        return own_and_fixed_options_refused(options)

    @field_validator("transaction_timeout_ms")
    @classmethod
    def _below_session_timeout(cls, timeout: int, info: ValidationInfo) -> int:
        # An owner that is gone must have left no open transaction when the next one asks for the offsets.
        session = info.data.get("session_timeout_ms", timeout + 1)
        if timeout >= session:
            raise ValueError(f"accepts less than the session timeout, which is {session} ms")
        return timeout

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        topics = (self.events_topic, self.labels_topic, self.state_topic, self.dead_letter_topic)
        if len(set(topics)) < len(topics):
            raise ValueError(
                f"`events_topic`, `labels_topic`, `state_topic`, `dead_letter_topic` are not four topics: {topics}"
            )
        sasl = self.security_protocol.startswith("sasl_")
        if sasl and self.sasl_mechanism is None:
            raise ValueError(f"`security_protocol` {self.security_protocol} needs `sasl_mechanism`")
        if not sasl and (self.sasl_mechanism or self.sasl_username or self.sasl_password):
            raise ValueError(f"`security_protocol` {self.security_protocol} logs nobody in, but sasl_* is set")
        by_password = self.sasl_mechanism is not None and self.sasl_mechanism.startswith(("PLAIN", "SCRAM"))
        if by_password and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"`sasl_mechanism` {self.sasl_mechanism} needs `sasl_username` and `sasl_password`")
        if (self.ssl_certificate_location is None) != (self.ssl_key_location is None):
            raise ValueError("`ssl_certificate_location` and `ssl_key_location` are only of use together")
        if not self.security_protocol.endswith("ssl") and (self.ssl_ca_location or self.ssl_key_location):
            raise ValueError(f"`security_protocol` {self.security_protocol} encrypts nothing, but ssl_* is set")
        return self

    @property
    def member(self) -> str:
        """The static member id and the transactional id."""
        return f"{self.group}-{self.instance}"

    def client_options(self) -> dict[str, str]:
        """librdkafka options that consumer, producer and admin client share."""
        given = {
            "bootstrap.servers": self.bootstrap_servers,
            "client.id": self.member,
            "security.protocol": self.security_protocol,
            "sasl.mechanism": self.sasl_mechanism,
            "sasl.username": self.sasl_username,
            "sasl.password": self.sasl_password and self.sasl_password.get_secret_value(),
            "ssl.ca.location": self.ssl_ca_location,
            "ssl.certificate.location": self.ssl_certificate_location,
            "ssl.key.location": self.ssl_key_location,
            "ssl.key.password": self.ssl_key_password and self.ssl_key_password.get_secret_value(),
        }
        return {name: str(value) for name, value in given.items() if value is not None} | self.options


class Redis(_Group):
    url: RedisUrl = Field(default="redis://127.0.0.1:6379/0", description="Server, or for a cluster any of its nodes.")
    cluster: bool = Field(default=False, description="Whether the server is a Redis Cluster.")
    username: str | None = Field(default=None, description="ACL user; by default the default user.")
    password: SecretStr | None = Field(default=None, description="Password.")
    password_file: Path | None = Field(default=None, description="File that holds the password.")
    ssl_ca_certs: Certificates | None = Field(
        default=None, description="Certificates (PEM) of the authorities that a rediss:// server is checked against."
    )
    timeout_s: float = Field(default=2.0, ge=0.05, le=60, description="How long to wait for a connection or an answer.")
    key_prefix: Name = Field(default="songprint", description="What every key begins with.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        parts = urlsplit(self.url)
        if self.cluster and (parts.scheme == "unix" or parts.path.strip("/") not in {"", "0"}):
            raise ValueError("`cluster` accepts a `url` redis://HOST:PORT or rediss://HOST:PORT, without a database")
        if self.ssl_ca_certs is not None and parts.scheme != "rediss":
            raise ValueError("`ssl_ca_certs` needs a `url` that begins with rediss://")
        return self


class Batch(_Group):
    max_events: int = Field(default=10_000, ge=1, le=100_000, description="Most events of one transaction.")
    chunk_events: int = Field(default=1_000, ge=1, le=100_000, description="Events folded while the last are labelled.")


class Model(_Group):
    bundle: Folder = Field(default=Path("bundle"), description="Folder of the model's bundle.")
    threads: int = Field(default=1, ge=1, le=64, description="Threads of one inference call.")
    watch_interval_s: float = Field(
        default=10, ge=0, le=3_600, description="How often to look for a new bundle; 0 for never."
    )
    relabel: bool = Field(default=True, description="Whether a new model relabels the users whose label it changes.")
    relabel_rate: float = Field(default=2_000, ge=1, le=1_000_000, description="Most users relabelled per second.")


class Policy(_Group):
    max_songs: int = Field(
        default=10_000, ge=1, le=100_000, description="Most songs of a playlist; longer ones are rejected."
    )
    max_event_bytes: int = Field(
        default=900_000, ge=100, le=100_000_000, description="Largest event; larger are rejected."
    )
    labelling_default: bool = Field(default=True, description="Whether users without a word of consent are labelled.")
    max_hot_bytes: int = Field(
        default=256 << 20, ge=0, le=1 << 40, description="Most bytes of users' states held in process; 0 for none."
    )


class Http(_Group):
    host: Host = Field(default="127.0.0.1", description="Address of metrics and health; 0.0.0.0 for all.")
    port: int = Field(default=9464, ge=0, le=65_535, description="Port of metrics and health; 0 for any free one.")


class Log(_Group):
    level: Annotated[Literal["debug", "info", "warning", "error"], AnyCase] = Field(
        default="info", description="Least level that is logged; user ids appear at debug alone."
    )
    format: Annotated[Literal["auto", "json", "text"], AnyCase] = Field(
        default="auto", description="JSON lines or readable text; auto is text on a terminal."
    )


class Retry(_Group):
    first_ms: float = Field(
        default=100, ge=1, le=60_000, description="Wait before the first repetition; it doubles each time."
    )
    max_ms: float = Field(default=10_000, ge=1, le=600_000, description="Longest wait between two repetitions.")
    jitter: float = Field(default=0.5, ge=0, le=1, description="Share of a wait that is left to chance.")

    @field_validator("max_ms")
    @classmethod
    def _not_below_first(cls, longest: float, info: ValidationInfo) -> float:
        first = info.data.get("first_ms", longest)
        if longest < first:
            raise ValueError(f"accepts at least first_ms, which is {first:g}")
        return longest


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    kafka: Kafka = Field(default_factory=Kafka)
    redis: Redis = Field(default_factory=Redis)
    batch: Batch = Field(default_factory=Batch)
    model: Model = Field(default_factory=Model)
    policy: Policy = Field(default_factory=Policy)
    http: Http = Field(default_factory=Http)
    log: Log = Field(default_factory=Log)
    retry: Retry = Field(default_factory=Retry)


def load_settings(
    config: Path | None, overrides: Mapping[str, object], environment: Mapping[str, str] = os.environ
) -> Settings:
    """Settings of the TOML file `config` (or SONGPRINT_CONFIG), under the environment, under `overrides`.

    `overrides` are named as in TOML with a dot (`model.bundle`); None leaves a setting alone. Raises Stop with one line
    for each setting that is wrong.
    """
    return load(Settings, config, overrides, environment)
