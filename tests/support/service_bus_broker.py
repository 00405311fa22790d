"""Service Bus as the conformance suite of topics sees it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import uuid4

from brokers.service_bus.namespace import Entity, Namespace
from consumers.service_bus import ServiceBusSubscriber
from engine.ledger.clock import utc_now
from producers.service_bus import ServiceBusPublisher
from schemas.topics import Publisher, RevokeListener, Subscriber
from tests.support.brokers import Broker
from tests.support.service_bus import ServiceBusNamespace

_ANY_RECEIVER = "Service Bus gives any message to any receiver: none has a part that is its own, so none loses it"
_ONE_PARTITION = "an entity of Service Bus is one sequence of messages"
_NO_HISTORY = "Service Bus forgets what was settled: the relay keeps history in the topic of changes"

_GAPS: Mapping[str, str] = {
    **dict.fromkeys(
        [
            "test_messages_of_one_key_go_to_one_member",
            "test_two_members_share_the_partitions_and_lose_nothing",
            "test_what_was_not_settled_when_revoked_goes_to_the_next_member",
            "test_settling_after_the_loss_of_a_partition_is_ignored",
            "test_a_member_that_leaves_hands_its_partitions_over",
            "test_a_member_taken_for_dead_finds_its_work_ignored_and_joins_again",
        ],
        _ANY_RECEIVER,
    ),
    "test_other_partitions_go_on_while_one_is_paused": _ONE_PARTITION,
    **dict.fromkeys(
        [
            "test_seeking_starts_at_the_first_message_of_that_time",
            "test_seeking_to_the_time_of_a_message_starts_with_it",
            "test_seeking_back_delivers_settled_messages_again",
            "test_seeking_behind_the_end_waits_for_new_messages",
            "test_positions_follow_a_seek_with_the_next_settle",
            "test_seeking_leaves_other_groups_alone",
        ],
        _NO_HISTORY,
    ),
}
_GROUPS = ("group", "first", "second")


class ServiceBusBroker(Broker):
    """A topic of a namespace under a name of this test's own, and a subscription of it for each group.

    Nothing is ever revoked, and no member has a name.
    """

    gaps = _GAPS
    partitions = 1
    max_body = 256 * 1024 - 1122
    """Less what surrounds a batch, and a message with a short key in it."""

    def __init__(self, namespace: ServiceBusNamespace) -> None:
        self._namespace = namespace
        self._connection_string = namespace.connection_string
        self.topic = f"test-{uuid4().hex[:12]}"
        self._made: list[Publisher | Subscriber] = []

    def __getstate__(self) -> dict[str, object]:
        """Other processes do without what manages the namespace."""
        return {"_connection_string": self._connection_string, "_made": []}

    def create_topic(self, name: str, partitions: int) -> None:
        assert partitions == self.partitions
        self._namespace.create_topic(name)
        for group in _GROUPS:
            self._namespace.create_subscription(name, group)

    def publisher(self) -> ServiceBusPublisher:
        publisher = ServiceBusPublisher(Namespace(self._connection_string), new_id=lambda: str(uuid4()))
        self._made.append(publisher)
        return publisher

    def subscriber(
        self, topics: Sequence[str], group: str, member: str, on_revoke: RevokeListener | None = None
    ) -> ServiceBusSubscriber:
        del member, on_revoke
        entity = Entity(topics[0], group)
        subscriber = ServiceBusSubscriber(Namespace(self._connection_string), entity, clock=utc_now)
        self._made.append(subscriber)
        return subscriber

    def end_leases(self) -> None:
        self._namespace.expire_locks(f"{self.topic}/Subscriptions/group")

    def instant(self) -> datetime:
        return utc_now()

    def close(self) -> None:
        """All at once: the library takes about a second for each."""
        with ThreadPoolExecutor() as pool:
            for closed in [pool.submit(one.close) for one in self._made]:
                closed.result()
        self._made.clear()
