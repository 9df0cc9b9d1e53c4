"""What can go wrong while exporting."""


class ExportError(Exception):
    """The run cannot be exported, or not to there. The message says what is wrong and what to do."""
