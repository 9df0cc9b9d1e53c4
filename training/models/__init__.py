"""Models: each file holds one, whose parameters are the fields of a frozen dataclass and the keys of its recipes."""
