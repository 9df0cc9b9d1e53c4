"""Every fault by its name."""

from tests.acceptance.faults import brokers, inputs, redis, workers
from tests.acceptance.injection import Fault

FAULTS: dict[str, Fault] = {fault.name: fault for part in (workers, redis, brokers, inputs) for fault in part.FAULTS}
