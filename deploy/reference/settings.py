"""The settings reference."""

import socket
from collections.abc import Iterator

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from worker.configuration import accepted, is_secret, setting_fields, variable
from worker.settings import Settings

HEAD = """# Settings

Made from the settings object by `python -m deploy.reference`; do not edit.

A setting is given by its environment variable, or in a TOML file (`--config FILE`, or `SONGPRINT_CONFIG`) as
`name = value` within the table of its group. The environment wins over the file; options of the command line win over
both. A value that a setting does not accept stops the worker at start, with the setting's name, what it got and what it
accepts; so does a name that is no setting. An empty variable counts as none.
"""


def settings_page() -> str:
    parts = [HEAD]
    for group in Settings.model_fields:
        parts += [f"\n## [{group}]\n", "| variable | accepts | default | |", "|---|---|---|---|"]
        parts += _rows(group)
    return "\n".join(parts) + "\n"


def _rows(group: str) -> Iterator[str]:
    for name, field in setting_fields(Settings):
        if name.startswith(f"{group}."):
            cells = (f"`{variable(name)}`", accepted(field), _default(field), field.description or "")
            yield f"| {' | '.join(cells)} |"


def _default(field: FieldInfo) -> str:
    if field.default_factory is socket.gethostname:
        return "the host's name"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or value == {} or isinstance(value, SecretStr):
        return ""
    shown = str(value).lower() if isinstance(value, bool) else f"{value}"
    return f"`{shown}`" if not is_secret(field) else ""
