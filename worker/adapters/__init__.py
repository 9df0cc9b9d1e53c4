"""The outside world behind ports: Kafka, Redis, and in-memory fakes that pass the same tests."""
