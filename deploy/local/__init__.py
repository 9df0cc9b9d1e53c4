"""A real Kafka and a real Redis-protocol server as child processes, from pip packages alone."""
