"""Songprint's streaming worker: playlist events in, user labels out, exactly once."""
