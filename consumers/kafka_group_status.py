"""A group of Kafka from outside: who is a member of it, and how far it has come."""

from collections.abc import Mapping, Sequence
from typing import Any

from kafka import errors
from kafka.admin import KafkaAdminClient, OffsetSpec
from kafka.structs import TopicPartition
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from brokers.kafka.clients import Options, opened
from brokers.kafka.errors import mapped
from brokers.kafka.topics import KafkaTopics
from schemas.group_status import GroupStatus, PartitionStatus

_ONCE_THERE = Retrying(
    retry=retry_if_exception_type(errors.CoordinatorNotAvailableError),
    stop=stop_after_delay(10),
    wait=wait_fixed(0.2),
    reraise=True,
)
"""A cluster that has never had a group makes its coordinator when first asked for it."""


class KafkaGroupStatus(GroupStatus):
    """See :class:`~schemas.group_status.GroupStatus`. Members go by the ``client_id`` that they were made with.

    Kafka does not tell how old a message is without reading it: ``oldest_at`` is never known.
    """

    def __init__(self, options: Options, topic: str, group: str) -> None:
        self._options = options
        self._topic = topic
        self._group = group

    def partitions(self) -> Sequence[PartitionStatus]:
        """A connection, and a request each for topic, members, positions and both ends of the partitions."""
        with KafkaTopics(self._options) as topics:
            numbers = range(topics.require(self._topic))
        partitions = [TopicPartition(self._topic, number) for number in numbers]
        with mapped(f"looking at group {self._group}"):
            admin = opened(KafkaAdminClient, self._options)
            try:
                members = _ONCE_THERE(self._members, admin)
                committed = admin.list_group_offsets({self._group: partitions})[self._group]
                starts = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST))
                ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST))
            finally:
                admin.close()
        return [
            PartitionStatus(
                self._topic,
                one.partition,
                members.get(one.partition),
                ends[one].offset - max(starts[one].offset, committed[one].offset if one in committed else 0),
                None,
            )
            for one in partitions
        ]

    def _members(self, admin: KafkaAdminClient) -> Mapping[int, str]:
        """Whose each partition of the topic is; a member that is still joining has none."""
        members: dict[int, str] = {}
        for member in admin.describe_groups([self._group])[self._group]["members"]:
            assignment: Any = member["member_assignment"] or {}
            for topic in assignment.get("assigned_partitions", ()):
                if topic["topic"] == self._topic:
                    members.update(dict.fromkeys(topic["partitions"], member["client_id"]))
        return members
