"""A broker that lets in who is known, and lets do what was granted."""

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from deploy.local.kafka import KafkaCluster, start_kafka
from deploy.local.ports import free_ports
from tests.integration.certificates import ELSEWHERE, Authority
from tests.integration.listed_rights import Right, kafka_rights
from worker.settings import Kafka

KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional id": ResourceType.TRANSACTIONAL_ID,
}


class Secured(NamedTuple):
    cluster: KafkaCluster
    tls: str
    """Address of the listener that asks for nothing, and encrypts."""
    sasl: str
    """Address of the listener that asks for a password."""
    mutual: str
    """Address of the listener that asks for a certificate."""
    elsewhere: str
    """Address of a listener that encrypts, and shows the certificate of another host."""

    def _admin(self) -> AdminClient:
        """One who may do everything; asks as long as somebody holds it."""
        return AdminClient({"bootstrap.servers": self.cluster.bootstrap_servers})

    def add_users(self, names: Iterable[str], password: str) -> None:
        """Users who log in with SCRAM."""
        scram = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 8192)
        users = [UserScramCredentialUpsertion(name, scram, password.encode()) for name in names]
        admin = self._admin()
        for future in admin.alter_user_scram_credentials(users).values():
            future.result(10)

    def grant(self, bindings: Sequence[AclBinding]) -> None:
        admin = self._admin()
        for future in admin.create_acls(list(bindings)).values():
            future.result(10)

    def revoke(self, kind: ResourceType, name: str, principal: str, right: AclOperation) -> None:
        granted = AclBindingFilter(
            kind, name, ResourcePatternType.LITERAL, principal, None, right, AclPermissionType.ALLOW
        )
        admin = self._admin()
        for future in admin.delete_acls([granted]).values():
            assert future.result(10), f"{principal} had no right {right.name} on {name}"


@contextmanager
def start_secured_kafka(folder: Path, authority: Authority) -> Iterator[Secured]:
    """A broker with an authorizer: who comes without a name may do everything, others what ACLs grant."""
    tls, sasl, mutual, elsewhere = free_ports(4, random.SystemRandom())
    config = {
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,PASSWORD:SASL_SSL,MUTUAL:SSL,ELSEWHERE:SSL"
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.password.scram-sha-512.sasl.jaas.config": (
            "org.apache.kafka.common.security.scram.ScramLoginModule required;"
        ),
        "listener.name.mutual.ssl.client.auth": "required",
        "listener.name.elsewhere.ssl.keystore.type": "PEM",
        "listener.name.elsewhere.ssl.keystore.location": str(authority.sign("elsewhere", host=ELSEWHERE).both),
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(authority.sign("broker").both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.certificate),
    }
    ports = {"TLS": tls, "PASSWORD": sasl, "MUTUAL": mutual, "ELSEWHERE": elsewhere}
    with start_kafka(folder, config=config, listeners=ports) as cluster:
        yield Secured(cluster, *(f"127.0.0.1:{port}" for port in ports.values()))


def named(kafka: Kafka) -> dict[str, str]:
    """A name in docs/security.md → the same of these settings."""
    return {
        "playlist-events": kafka.events_topic,
        "user-labels": kafka.labels_topic,
        "user-state": kafka.state_topic,
        "playlist-events.dlq": kafka.dead_letter_topic,
        "GROUP": kafka.group,
        "GROUP-INSTANCE": f"{kafka.group}-",
        "GROUP.dlq-replay": f"{kafka.group}.dlq-replay",
    }


def bindings_as_listed(kafka: Kafka, principal: str, lacking: Right | None = None) -> list[AclBinding]:
    """The ACLs of docs/security.md, and no other; one of them may be left out."""
    return [binding(kafka, principal, right) for right in kafka_rights() if right != lacking]


def binding(kafka: Kafka, principal: str, right: Right) -> AclBinding:
    pattern = ResourcePatternType.PREFIXED if right.name.endswith("INSTANCE") else ResourcePatternType.LITERAL
    operation = AclOperation[right.operation.upper()]
    return AclBinding(
        KINDS[right.kind], named(kafka)[right.name], pattern, principal, "*", operation, AclPermissionType.ALLOW
    )
