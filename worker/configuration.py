"""Settings from a TOML file, the environment and the command line, with one line for each that is wrong."""

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from worker.errors import Stop

PREFIX = "SONGPRINT_"
CONFIG = PREFIX + "CONFIG"

# What Kubernetes puts into every container of a namespace that has a Service named songprint or songprint-….
_SERVICE_LINK = re.compile(
    rf"{PREFIX}(\w+_)?(SERVICE_(HOST|PORT\w*)=|PORT(_\d+_\w+)?=(tcp|udp|sctp)://|PORT_\d+_(TCP|UDP|SCTP)_\w+=)"
)

SettingsType = TypeVar("SettingsType", bound=BaseModel)


@dataclass(frozen=True)
class Accepts:
    """Stands in a field's annotation to say what the field accepts where its type does not tell."""

    text: str


def load(
    schema: type[SettingsType], config: Path | None, overrides: Mapping[str, object], environment: Mapping[str, str]
) -> SettingsType:
    """Settings by `schema`, a model of groups of fields. Raises Stop with one line for each setting that is wrong."""
    file = config or (Path(environment[CONFIG]) if environment.get(CONFIG) else None)
    fields = dict(setting_fields(schema))
    in_file = _read_file(file) if file else {}
    in_environment = _read_environment(fields, environment)
    known = {name: value for name, value in in_file.items() if name in fields}
    known |= {name: value for name, value in in_environment.items() if name in fields}
    known |= {name: value for name, value in overrides.items() if value is not None}
    wrong = [f"{file}: {_no_setting(name, fields)}" for name in in_file if name not in fields]
    wrong += [_no_setting(name, map(variable, fields)) for name in in_environment if name not in fields]
    try:
        settings = schema.model_validate(_grouped(known))
    except ValidationError as error:
        wrong += [_complaint(details, fields) for details in error.errors()]
    if wrong:
        raise Stop("\n".join(["wrong settings:", *wrong]))
    return settings


def setting_fields(schema: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """Every field of every group by its name as in TOML, `group.field`."""
    for group, info in schema.model_fields.items():
        assert isinstance(info.annotation, type)
        assert issubclass(info.annotation, BaseModel)
        for name, field in info.annotation.model_fields.items():
            yield f"{group}.{name}", field


def variable(name: str) -> str:
    """The environment variable of the setting `group.field`."""
    return PREFIX + name.replace(".", "__").upper()


def accepted(field: FieldInfo) -> str:
    """What a field accepts, in words."""
    explained = next((note.text for note in field.metadata if isinstance(note, Accepts)), None)
    kind: object = field.annotation
    if type(None) in get_args(kind):  # an optional one
        kind = get_args(kind)[0]
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(get_args(kind))
    if kind is bool:
        return "true or false"
    if kind in {int, float}:
        least = next(bound.ge for bound in field.metadata if hasattr(bound, "ge"))
        most = next(bound.le for bound in field.metadata if hasattr(bound, "le"))
        return f"a {'whole ' if kind is int else ''}number from {least} to {most}"
    return explained or ("a path" if kind is Path else "text")


def is_secret(field: FieldInfo) -> bool:
    """Whether the field's value must not be shown."""
    return not field.repr or SecretStr in (field.annotation, *get_args(field.annotation))


def _read_file(file: Path) -> dict[str, object]:
    try:
        document = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise Stop(f"cannot read the settings file {file}: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise Stop(f"the settings file {file} is not TOML: {error}") from error
    values: dict[str, object] = {}
    for group, table in document.items():
        in_group = table.items() if isinstance(table, dict) else ()
        values |= {f"{group}.{name}": value for name, value in in_group} or {group: table}
    return values


def _read_environment(names: Iterable[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Values by setting, or by variable where there is no such setting. An empty variable counts as none."""
    settings = {variable(name): name for name in names}
    return {
        settings.get(name, name): value
        for name, value in environment.items()
        if name.startswith(PREFIX) and name != CONFIG and value and not _SERVICE_LINK.match(f"{name}={value}")
    }


def _grouped(values: Mapping[str, object]) -> dict[str, dict[str, object]]:
    groups: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        group, _, field = name.partition(".")
        groups.setdefault(group, {})[field] = value
    return groups


def _no_setting(name: str, names: Iterable[str]) -> str:
    by_folded = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return f"{name} is no setting" + (f"; did you mean {by_folded[close[0]]}?" if close else "")


def _complaint(details: ErrorDetails, fields: Mapping[str, FieldInfo]) -> str:
    """One line for one of pydantic's errors."""
    location = ".".join(map(str, details["loc"][:2]))
    own_words = details["msg"].removeprefix("Value error, ") if details["type"] == "value_error" else None
    if location not in fields:  # settings of a group contradict each other; the message names them in backticks
        return re.sub(r"`(\w+)`", lambda name: variable(f"{location}.{name[1]}"), own_words or details["msg"])
    field = fields[location]
    got = "a value that is not shown" if is_secret(field) else shown(details["input"])
    return f"{variable(location)}: got {got}; {own_words or f'accepts {accepted(field)}'}"


def shown(value: object) -> str:
    """A wrong value as it may be told: credentials in addresses left out, and not at any length."""
    if isinstance(value, str):
        value = re.sub(r"//.*@|\?.*", "***", value)  # where a URL has credentials
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"
