"""The bounds of a partition are told rightly, or not at all, when brokers restart and connections break."""

from collections.abc import Iterator

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from tests.acceptance import proxy
from tests.acceptance.servers import Brokers, start_brokers
from tests.stream import eventually
from worker.adapters.kafka_offsets import look_up
from worker.errors import Retry

TOPIC = "events"
SESSION_MS = 10_000


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brokers]:
    started = start_brokers(tmp_path_factory.mktemp("brokers"), 1, SESSION_MS)
    admin = AdminClient({"bootstrap.servers": started.direct})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result()
    yield started
    started.close()


@pytest.fixture
def admin(brokers: Brokers) -> AdminClient:
    """A client that knows the leader."""
    client = AdminClient({"bootstrap.servers": brokers.proxied, "log_level": 0})
    eventually(lambda: is_told(client), "the topic has a leader")
    return client


def end(client: AdminClient) -> int:
    return look_up(client, TopicPartition(TOPIC, 0), OffsetSpec.latest())


def is_told(client: AdminClient) -> bool:
    """Whether there is an answer, which has to be the right one."""
    try:
        found = end(client)
    except Retry:
        return False
    assert found == 0
    return True


@pytest.mark.parametrize("deed", [proxy.LOSE_REQUEST, proxy.LOSE_ANSWER])
def test_a_connection_that_breaks_is_never_taken_for_an_offset(brokers: Brokers, admin: AdminClient, deed: str) -> None:
    brokers.trap.set(deed, proxy.LIST_OFFSETS)
    try:
        assert end(admin) == 0
    except Retry:
        eventually(lambda: is_told(admin), "a later attempt succeeds")
    assert brokers.trap.struck.is_set()


def test_a_restarted_broker_is_asked_as_the_leader_that_it_is_now(brokers: Brokers, admin: AdminClient) -> None:
    """The restart begins a new leader epoch; a client that insists on the old one is refused."""
    brokers.cluster.kill()
    with pytest.raises(Retry):
        end(admin)
    brokers.cluster.start()
    eventually(lambda: is_told(admin), "the new leader answers")
