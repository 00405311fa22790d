"""From the topic into the engine, when something on the way is away."""

from collections.abc import Sequence
from time import monotonic

import pytest

from consumers.dead_letters import DeadLetters, Letter
from consumers.embedded_log import EmbeddedSubscriber
from consumers.receiving import Receiving
from engine.intake import Intake
from engine.ledger import dead_letters
from engine.ledger.clock import utc_now
from engine.ledger.database import open_database, read
from engine.ledger.log_topics import create_topic
from engine.operation import Operation
from engine.plan import Plans
from engine.scheduler import Scheduler
from producers.embedded_log import EmbeddedPublisher
from schemas.errors import Retry
from schemas.mapping import Mappings
from schemas.topics import OutgoingMessage
from tests.support.databases import SqliteDatabases


class Troubled(DeadLetters):
    """Cannot keep anything the first time."""

    troubles = 1

    def keep(self, letters: Sequence[Letter]) -> None:
        if self.troubles:
            self.troubles -= 1
            raise Retry("away")
        super().keep(letters)


def test_messages_whose_dead_letters_could_not_be_kept_are_taken_by_the_next_turn(
    sqlite_databases: SqliteDatabases,
) -> None:
    with sqlite_databases.fresh() as url:
        database = open_database(url)
        create_topic(database, "changes", 1)
        publisher = EmbeddedPublisher(database)
        publisher.publish("changes", [OutgoingMessage("key", b"not a change"), OutgoingMessage("key", b"nor this")])
        receiving = Receiving(
            lambda on_revoke: EmbeddedSubscriber(database, ["changes"], "group", "member", on_revoke),
            Intake(Plans(Mappings(mappings=()))),
            Scheduler({}, monotonic),
            Troubled(database, publisher, None, clock=utc_now),
            _never_sweeps,
            monotonic=lambda: 0.0,
            max_in_flight=10,
        )
        with pytest.raises(Retry):
            receiving.turn(5.0)
        assert receiving.turn(5.0) == 2
        receiving.leave()
        with read(database) as connection:
            assert [letter.body for letter in dead_letters.listed(connection)] == [b"not a change", b"nor this"]
        successor = EmbeddedSubscriber(database, ["changes"], "group", "successor")
        assert successor.poll(10, 0.1) == [], "they are settled"
        successor.close()
        database.dispose()


def _never_sweeps(operation: Operation) -> None:
    raise AssertionError(operation)
