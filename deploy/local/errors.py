"""What can go wrong with the local stack; the message is for the person who started it."""


class LocalStackError(Exception):
    """A server of the local stack could not be fetched, started or reached, or it has died."""


class PortTakenError(LocalStackError):
    """Another process took the port between the choice of it and the server's start: choose another one."""
