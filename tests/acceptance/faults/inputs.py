"""What may come in: floods, poison, other models."""

from tests.acceptance.injection import Fault, Injection

FLOOD = 15_000
POISON = 1_500


def flood(injection: Injection) -> None:
    """Many events at once, and a crash in the middle of the large transactions that they make."""
    injection.strike()
    injection.system.traffic.burst(FLOOD)
    injection.system.group.kill(injection.some_worker())


def poison(injection: Injection) -> None:
    """Batches of nothing but events that can never be processed."""
    injection.strike()
    injection.system.traffic.burst(POISON, poison=True)


def another_model(injection: Injection) -> None:
    system = injection.system
    now = system.deployed.readlink()
    other = injection.random.choice([bundle for bundle in system.bundles if bundle != now])
    injection.strike()
    system.deploy(other)


FAULTS = [
    Fault("a flood of 15,000 events and a kill -9", "worker", flood),
    Fault("1,500 poison events in a row", "input", poison),
    Fault("another model deployed", "input", another_model),
]
