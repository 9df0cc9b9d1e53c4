"""What can go wrong with the demo; the message is for the person who started it."""


class DemoError(Exception):
    """A step did not do what it should have done."""
