"""The worker's commands, one module each.

A command's module has `HELP`, a sentence; `add_arguments(parser)`; and `run(arguments)`, which returns the exit status.
"""

COMMANDS = {
    "run": "label playlist events as they arrive",
    "topics": "show or create the topics",
    "load": "publish a data folder's playlists as events",
    "label": "label one playlist, without Kafka",
    "check": "look for what is wrong with settings, Kafka, Redis and the bundle",
    "reset": "wipe the group's state on purpose",
    "dlq": "show and replay dead letters",
    "relabel": "label all users again with the present model",
}
"""Every command with what it does in a few words, known without importing one of them."""

WITHOUT_SETTINGS = frozenset({"label"})
"""Commands that need no settings, and so have no --config."""
