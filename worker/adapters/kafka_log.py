"""Where librdkafka's own words go: into the logs of a worker, and nowhere when a command has not configured any."""

import logging

librdkafka = logging.getLogger("librdkafka")
librdkafka.addHandler(logging.NullHandler())
