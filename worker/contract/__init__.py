"""What training, export and the worker share: the one definition of events, states, features and labels.

Needs numpy, msgspec and xxhash, nothing else, and imports nothing from the rest of the project.
"""
