"""The embedded log: topics in the ledger's database, on one machine or wherever the database is reached from."""

from datetime import timedelta

from console.brokers.broker import Broker
from consumers.embedded_group_status import EmbeddedGroupStatus
from consumers.embedded_log import EmbeddedSubscriber
from engine.ledger.database_errors import describe
from engine.ledger.log_keeper import EmbeddedTopics
from engine.ledger.log_retention import prune
from producers.embedded_log import EmbeddedPublisher
from schemas.topics import RevokeListener


class EmbeddedBroker(Broker):
    """See the module's docstring."""

    positions_in_ledger = True

    @property
    def address(self) -> str:
        return describe(self._context.database().url)

    def publisher(self) -> EmbeddedPublisher:
        return EmbeddedPublisher(self._context.database(), clock=self._context.clock)

    def subscriber(
        self,
        group: str,
        member: str,
        on_revoke: RevokeListener | None = None,
        *,
        lasting: bool = False,  # noqa: ARG002 - whoever returns under a name has its partitions back in any case
    ) -> EmbeddedSubscriber:
        context = self._context
        topics = [context.settings.topics.changes]
        return EmbeddedSubscriber(context.database(), topics, group, member, on_revoke, clock=context.clock)

    def group_status(self, group: str) -> EmbeddedGroupStatus:
        context = self._context
        return EmbeddedGroupStatus(context.database(), context.settings.topics.changes, group, clock=context.clock)

    def topics(self) -> EmbeddedTopics:
        return EmbeddedTopics(self._context.database())

    def forget_old_messages(self) -> None:
        topics = self._context.settings.topics
        oldest = self._context.clock() - timedelta(days=topics.retention_days)
        prune(self._context.database(), topics.changes, before=oldest, max_bytes=topics.retention_bytes)
