"""Kinds of values that settings have: what each accepts, in words and as a check."""

import ssl
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from worker.configuration import Accepts

_HOST = r"(\[[\da-fA-F:]+\]|[\w.-]+)"
_ADDRESS = rf"{_HOST}(:\d{{1,5}})?"


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ValueError("no such file; accepts the path of a file that exists")
    return path


def _nameable_path(path: Path) -> Path:
    if "\0" in str(path):
        raise ValueError("accepts a path, which holds no NUL byte")
    return path


def _certificates(path: Path) -> Path:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(_existing(path))
    except OSError as error:
        raise ValueError(f"accepts the path of a file of certificates (PEM), which this is not: {error}") from error
    return path


def _not_only_dots(name: str) -> str:
    if name in {".", ".."}:
        raise ValueError("Kafka has no topic of this name; accepts one that is more than . or ..")
    return name


def _reachable(given: str) -> str:
    """Clients fail on these as if nothing were wrong with a setting, or use another port and say nothing."""
    for address in given.split(","):
        if not _possible(address if "//" in address else f"//{address}"):
            raise ValueError("accepts a host's name or IP address, and a port from 1 to 65535")
    return given


def _possible(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "unix" or (parts.port != 0 and _nameable(parts.hostname or ""))
    except ValueError:  # a port above 65535, or brackets around what is no IPv6 address
        return False


def _nameable(host: str) -> bool:
    try:
        return bool(host.encode("idna"))
    except UnicodeError:  # a part between dots is empty, or too long
        return False


def _named(host: str) -> str:
    if not _nameable(host):
        raise ValueError("accepts a host's name or IP address")
    return host


Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z0-9._-]{1,120}$"),
    Accepts("1 to 120 letters, digits, dots, dashes and underscores"),
]
Topic = Annotated[
    str,
    StringConstraints(pattern=r"^[a-zA-Z0-9._-]{1,249}$"),
    AfterValidator(_not_only_dots),
    Accepts("a topic's name: 1 to 249 letters, digits, dots, dashes and underscores"),
]
Servers = Annotated[
    str,
    StringConstraints(pattern=rf"^{_ADDRESS}(,{_ADDRESS})*$"),
    AfterValidator(_reachable),
    Accepts("host:port, or several separated by commas without spaces"),
]
RedisUrl = Annotated[
    str,
    StringConstraints(pattern=rf"^(rediss?://{_ADDRESS}(/\d*)?|unix:///[^?@]+)$"),
    AfterValidator(_reachable),
    Accepts("redis://HOST:PORT/DB, rediss://HOST:PORT/DB or unix:///PATH; user and password are settings of their own"),
]
Host = Annotated[
    str,
    StringConstraints(pattern=r"^[\w.:%-]+$"),
    AfterValidator(_named),
    Accepts("a host's name or IP address"),
]
Folder = Annotated[Path, AfterValidator(_nameable_path)]
ExistingFile = Annotated[Path, AfterValidator(_existing)]
Certificates = Annotated[Path, AfterValidator(_certificates)]
AnyCase = BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value)
