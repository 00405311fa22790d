"""Topics of a Kafka cluster: making them as wanted, and saying how they are.

Never compacted: a compacted topic keeps the last message of each key only, and its history could not be replayed.
Times are the broker's (``LogAppendTime``): a replay's stretch is meant by the clock of whoever took the messages.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from threading import RLock
from types import TracebackType
from typing import Any, Self

from kafka import errors
from kafka.admin import ConfigResource, KafkaAdminClient

from brokers.kafka.clients import Options, opened
from brokers.kafka.errors import mapped
from schemas.errors import Stop
from schemas.topic_keeping import PresentTopic, TopicFault, TopicKeeper, WantedTopic, other_partitions

_UNKNOWN_TOPIC = errors.UnknownTopicOrPartitionError.errno
_INSIDE = "__"
"""How the names of topics begin that Kafka keeps for itself."""

_LEAST_MESSAGE = 1024**2
"""Bytes of a message that the topic has to take."""

_SHOWN = (
    "cleanup.policy",
    "retention.ms",
    "retention.bytes",
    "message.timestamp.type",
    "min.insync.replicas",
    "max.message.bytes",
)


class KafkaTopics(TopicKeeper):
    """Topics of the cluster that ``options`` reach; connects with the first call.

    Args:
        replication_factor: copies of each message in topics that are made; ``None``: as many as the cluster's default.
    """

    def __init__(self, options: Options, replication_factor: int | None = None) -> None:
        self._options = options
        self._replication_factor = replication_factor
        self._lock = RLock()
        self._admin: KafkaAdminClient | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def create(self, wanted: WantedTopic) -> bool:
        """With three copies or more, two of them have to have a message before it is acknowledged."""
        if self._found(wanted):
            return False
        copies = self._replication_factor
        configs = {
            "cleanup.policy": "delete",
            "retention.ms": str(round(wanted.retention / timedelta(milliseconds=1))),
            "retention.bytes": str(wanted.retention_bytes or -1),
            "message.timestamp.type": "LogAppendTime",
        }
        if copies is not None and copies >= 3:
            configs["min.insync.replicas"] = "2"
        new = {"num_partitions": wanted.partitions, "replication_factor": copies or -1, "configs": configs}
        with mapped(f"making topic {wanted.name}"), self._lock:
            try:
                self._open().create_topics({wanted.name: new}, wait_for_metadata=True)
            except errors.TopicAlreadyExistsError:  # another worker was quicker
                return not self._found(wanted)
        return True

    def listed(self) -> list[PresentTopic]:
        """Two requests."""
        with mapped("listing topics"):
            names = [name for name in self._described(None) if not name.startswith(_INSIDE)]
            return sorted(self._present(names), key=lambda topic: topic.name) if names else []

    def present(self, name: str) -> PresentTopic | None:
        """Two requests."""
        with mapped(f"looking at topic {name}"):
            return next(self._present([name]), None)

    def require(self, name: str) -> int:
        """The number of partitions of a topic. One request.

        Raises:
            Stop: no such topic.
        """
        with mapped(f"looking at topic {name}"):
            topic = self._described([name]).get(name)
        if topic is None:
            raise Stop(
                f"there is no topic {name} on this Kafka; make it with twinrow topics create, or correct the name"
            )
        return len(topic["partitions"])

    def faults(self, wanted: WantedTopic) -> list[TopicFault]:
        """Three requests."""
        name = wanted.name
        topic = self.present(name)
        if topic is None:
            return []
        with mapped(f"looking at topic {name}"):
            configs = self._configs([name])[name]
        return list(_faults(wanted, topic, configs, self._replication_factor))

    def close(self) -> None:
        """At once."""
        with self._lock:
            if self._admin is not None:
                self._admin.close()
                self._admin = None

    def _open(self) -> KafkaAdminClient:
        with self._lock:
            if self._admin is None:
                self._admin = opened(KafkaAdminClient, self._options)
            return self._admin

    def _found(self, wanted: WantedTopic) -> bool:
        topic = self.present(wanted.name)
        if topic is not None and topic.partitions != wanted.partitions:
            raise Stop(other_partitions(wanted.name, topic.partitions, wanted.partitions))
        return topic is not None

    def _present(self, names: list[str]) -> Iterator[PresentTopic]:
        described = self._described(names)
        configs = self._configs(list(described)) if described else {}
        for name, topic in described.items():
            age, size = int(configs[name]["retention.ms"]), int(configs[name]["retention.bytes"])
            yield PresentTopic(
                name,
                len(topic["partitions"]),
                timedelta(milliseconds=age) if age >= 0 else None,
                size if size >= 0 else None,
                min((len(partition["replica_nodes"]) for partition in topic["partitions"]), default=0),
            )

    def _described(self, names: list[str] | None) -> dict[str, Mapping[str, Any]]:
        """Those of the topics that are there; all of them for ``None``."""
        found: dict[str, Mapping[str, Any]] = {}
        for topic in self._open().describe_topics(names):
            error = topic["error_code"]
            if error not in (0, _UNKNOWN_TOPIC):
                raise errors.for_code(error)(topic["name"])
            if error == 0:
                found[topic["name"]] = topic
        return found

    def _configs(self, names: list[str]) -> dict[str, dict[str, str]]:
        resources = [ConfigResource("TOPIC", name, list(_SHOWN)) for name in names]
        described = self._open().describe_configs(resources, config_filter="all")["topic"]
        return {name: {key: one["value"] for key, one in configs.items()} for name, configs in described.items()}


def _faults(
    wanted: WantedTopic, topic: PresentTopic, configs: Mapping[str, str], copies: int | None
) -> Iterator[TopicFault]:
    name = topic.name

    def change(setting: str, value: object) -> str:
        return f"kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config {setting}={value}"

    if topic.partitions != wanted.partitions:
        yield TopicFault(
            f"{name} has {topic.partitions} partitions, and the settings say {wanted.partitions}",
            "Write that number as topics.partitions, or name a new topic.",
        )
    if (policy := configs["cleanup.policy"]) != "delete":
        yield TopicFault(
            f"{name} has cleanup.policy={policy}: its history cannot be replayed", change("cleanup.policy", "delete")
        )
    if topic.retention is not None and topic.retention < wanted.retention:
        yield TopicFault(
            f"{name} keeps messages for {topic.retention}, less than the {wanted.retention} of the settings",
            change("retention.ms", round(wanted.retention / timedelta(milliseconds=1))),
        )
    if topic.retention_bytes is not None and topic.retention_bytes < (wanted.retention_bytes or 2**63):
        yield TopicFault(
            f"{name} keeps {topic.retention_bytes} bytes a partition, "
            f"and the settings say {wanted.retention_bytes or 'any number'}",
            change("retention.bytes", wanted.retention_bytes or -1),
        )
    if (stamped := configs["message.timestamp.type"]) != "LogAppendTime":
        yield TopicFault(
            f"{name} has message.timestamp.type={stamped}: a replay's times would be those of the senders' clocks",
            change("message.timestamp.type", "LogAppendTime"),
        )
    if int(configs["max.message.bytes"]) < _LEAST_MESSAGE:
        yield TopicFault(
            f"{name} takes messages of {configs['max.message.bytes']} bytes at most",
            change("max.message.bytes", _LEAST_MESSAGE),
        )
    yield from _replication_faults(topic, int(configs["min.insync.replicas"]), copies, change("min.insync.replicas", 2))


def _replication_faults(topic: PresentTopic, in_sync: int, copies: int | None, two: str) -> Iterator[TopicFault]:
    replicas = topic.replicas or 0
    if replicas < (copies or 2):
        yield TopicFault(
            f"{topic.name} has {replicas} copies of each message: with a disk, messages are lost",
            "Raise it with kafka-reassign-partitions.sh, or write what is meant as kafka.replication_factor.",
        )
    elif replicas >= 3 and in_sync < 2:
        yield TopicFault(f"{topic.name} acknowledges what one broker has: with it, messages are lost", two)
    elif replicas > 1 and in_sync >= replicas:
        yield TopicFault(
            f"{topic.name} takes messages only while all {replicas} copies are there (min.insync.replicas={in_sync})",
            f"Lower min.insync.replicas to {replicas - 1}.",
        )
