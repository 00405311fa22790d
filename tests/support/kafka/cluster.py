"""Apache Kafka for the tests (KRaft mode): the cluster that the environment names, or one started for the session."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from tests.support.eventually import eventually
from tests.support.kafka.jars import class_path, java

GIVEN = "KAFKA_BOOTSTRAP"
"""Environment variable: address of a cluster to use, which lets anybody make topics."""

_ID = "dHdpbnJvdy1mb3ItdGVzdA"  # 16 bytes in Base64, as the storage tool wants

# Small, quick to start, and with no wait before a group's first members share the partitions.
_SETTINGS = """
process.roles={roles}
node.id={id}
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners={listeners}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={folder}/data
default.replication.factor={copies}
min.insync.replicas={in_sync}
offsets.topic.num.partitions=4
offsets.topic.replication.factor={copies}
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=2
log.cleaner.dedupe.buffer.size=2097152
"""

_JAVA = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]

# Kills the broker when the input ends, be it because the tests were killed. Nothing that it has is kept.
_UNTIL_INPUT_ENDS = 'exec 3<&0; (cat <&3 >/dev/null; kill -KILL $$) & exec "$@" 3<&- </dev/null'


@dataclass
class Node:
    """One broker; the first is the controller, too."""

    id: int
    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def address(self) -> str:
        """Where clients connect to."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """What it says, its last lines."""
        return (self.folder / "log").read_text(errors="replace")[-3000:]

    def start(self) -> None:
        """Start it, without waiting until it can be used."""
        command = [java(), *_JAVA, "-cp", class_path(), "kafka.Kafka", str(self.folder / "server.properties")]
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", _UNTIL_INPUT_ENDS, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for the tests, which end the broker in their own time
            )

    def kill(self) -> None:
        """End it as a power cut does. Idempotent."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()  # closes its input
            self.process = None

    @property
    def ended(self) -> bool:
        """Whether it has ended by itself."""
        return self.process is not None and self.process.poll() is not None


@dataclass
class Cluster:
    """A cluster. ``nodes`` is empty where it was given."""

    bootstrap: str
    nodes: list[Node] = field(default_factory=list)

    def is_up(self) -> bool:
        """Whether every node that runs can be used."""
        running = {node.id for node in self.nodes if node.process is not None}
        with suppress(KafkaError, OSError):
            for node in self.nodes:
                if node.id in running:
                    socket.create_connection(("127.0.0.1", node.port), 1).close()
            with KafkaAdminClient(bootstrap_servers=self.bootstrap.split(","), bootstrap_timeout_ms=2000) as admin:
                return running <= {broker["broker_id"] for broker in admin.describe_cluster()["brokers"]}
        return False


@contextmanager
def kafka_cluster(brokers: int = 1, *, given: bool = True) -> Iterator[Cluster]:
    """A cluster of so many brokers; one started here is gone with its files afterwards.

    Args:
        given: use the cluster that the environment names, where it names one.
    """
    if given and (bootstrap := os.environ.get(GIVEN)):
        yield Cluster(bootstrap)
        return
    for _ in range(4):
        with ExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix="twinrow-kafka-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            cluster = _prepared(folder, brokers)
            for node in cluster.nodes:
                stack.callback(node.kill)
                node.start()
            eventually(lambda: cluster.is_up() or any(node.ended for node in cluster.nodes), within=90)  # noqa: B023 - called at once
            if not any(node.ended for node in cluster.nodes):
                yield cluster
                return
            logs = [node.log for node in cluster.nodes if node.ended]
            if not any("BindException" in log for log in logs):  # else another program took the port first
                break
    raise AssertionError(f"Kafka does not start: it needs Java 17. It says:\n{logs[0]}")


def _prepared(folder: Path, brokers: int) -> Cluster:
    controller_port, *ports = _free_ports(brokers + 1)
    nodes = []
    for id_, port in enumerate(ports, 1):
        node = Node(id_, folder / str(id_), port)
        node.folder.mkdir()
        listeners = [f"PLAINTEXT://{node.address}"]
        if id_ == 1:
            listeners.append(f"CONTROLLER://127.0.0.1:{controller_port}")
        settings = _SETTINGS.format(
            roles="broker,controller" if id_ == 1 else "broker",
            id=id_,
            controller_port=controller_port,
            listeners=",".join(listeners),
            folder=node.folder,
            copies=min(brokers, 3),
            in_sync=min(brokers, 2),
        )
        (node.folder / "server.properties").write_text(settings)
        nodes.append(node)
    _format(nodes)
    return Cluster(",".join(node.address for node in nodes), nodes)


def _format(nodes: list[Node]) -> None:
    """Prepare the folders that the brokers keep their data in."""
    tool = [java(), *_JAVA, "-cp", class_path(), "kafka.tools.StorageTool", "format", "-t", _ID]
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(
                    [*tool, "-c", str(node.folder / "server.properties")],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                )
            )
            for node in nodes
        ]
        for process in started:
            said, _ = process.communicate()
            assert process.returncode == 0, f"Kafka's folders cannot be prepared: it needs Java 17. It says:\n{said!r}"


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
