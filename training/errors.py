"""What training refuses, said so that whoever started it knows what to change."""


class TrainingError(Exception):
    """Training cannot go on. The message says what is wrong, where, and what to do; it is shown as it is."""


class DataError(TrainingError):
    """The data folder cannot be trained on."""


class RecipeError(TrainingError):
    """There is no such recipe, or a parameter of it is wrong."""


class RunError(TrainingError):
    """A run folder is missing, incomplete, or of another format."""
