"""Replay: what of a stretch of a topic is synchronized once more."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from consumers.embedded_log import EmbeddedSubscriber
from engine.ledger.database import open_database
from engine.ledger.log_topics import create_topic
from engine.ledger.runs import Run, RunState
from producers.embedded_log import EmbeddedPublisher
from producers.replay import Replayed, replay
from producers.stretch import StretchCounts
from schemas import cloud_event
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import Retry, Stop
from schemas.outcomes import Outcome
from schemas.system import Direction, System
from schemas.topics import OutgoingMessage
from tests.support.databases import SqliteDatabases
from tests.support.run_world import BC, DV, Killed, RunWorld

MODIFIED, DELETED, SYNC_ALL = ChangeKind.MODIFIED, ChangeKind.DELETED, ChangeKind.SYNC_ALL
START = datetime(2026, 1, 1, tzinfo=UTC)
HISTORY = "history"


class Archive:
    """A world whose topic has a history; every message is published a second after the last."""

    def __init__(self, world: RunWorld) -> None:
        self.world = world
        self.publisher = EmbeddedPublisher(world.database, clock=world.now)
        self._members = count()
        create_topic(world.database, HISTORY, 3)

    def put(self, system: System, table: str, record_id: str | None, kind: ChangeKind = MODIFIED, **more: Any) -> None:
        """An event."""
        self.world.seconds += 1
        event = ChangeEvent("an event", system, table, record_id, kind, self.world.now(), **more)
        self.publisher.publish(HISTORY, [cloud_event.encode(event)])

    def keep_live_events(self) -> None:
        """What lies on the live topic becomes history."""
        self.world.seconds += 1
        self.publisher.publish(HISTORY, [cloud_event.encode(event) for event in self.world.topic.events])

    def replay(self, *, begin: float = 0, end: float | None = None, **more: Any) -> Replayed:
        """Replay between two times, in seconds."""
        self.world.seconds += 1
        subscriber = self.subscriber("replay")
        try:
            return replay(
                self.world.context,
                subscriber,
                begin=START + timedelta(seconds=begin),
                end=None if end is None else START + timedelta(seconds=end),
                **more,
            )
        finally:
            subscriber.close()

    def subscriber(self, group: str) -> EmbeddedSubscriber:
        """A new member of a group."""
        return EmbeddedSubscriber(
            self.world.database, [HISTORY], group, f"member {next(self._members)}", clock=self.world.now
        )

    def replayed(self) -> list[tuple[str, str | None, ChangeKind]]:
        """Table, record and kind of what came on the live topic."""
        return sorted(
            (event.table, event.record_id, event.kind) for event in self.world.topic.events if event.record_id
        )


@pytest.fixture
def archive(sqlite_databases: SqliteDatabases) -> Iterator[Archive]:
    """An empty history."""
    with sqlite_databases.fresh() as url:
        engine = open_database(url)
        yield Archive(RunWorld(engine))
        engine.dispose()


def test_each_record_of_the_stretch_gets_one_new_event_in_a_run_of_its_own(archive: Archive) -> None:
    archive.put(BC, "customers", "c1", origin="twinrow:ours", actor="somebody")
    archive.put(BC, "customers", "c1")
    archive.put(DV, "account", "a1")
    result = archive.replay()
    assert archive.replayed() == [("account", "a1", MODIFIED), ("customers", "c1", MODIFIED)]
    assert result.verdict is not None
    assert {(event.run_id, event.origin, event.actor) for event in archive.world.topic.events} == {
        (result.verdict.run.id, None, None)
    }
    assert result.verdict.run.id.startswith("replay-")
    assert result.counts == StretchCounts(messages=3, events=3, matched=3, records=2)


def test_it_waits_until_every_mapping_of_a_record_has_an_outcome(archive: Archive) -> None:
    for number in range(5):
        archive.put(DV, "account", f"a{number}")
    archive.world.outcome = lambda mapping, _: Outcome.UNCHANGED if mapping == "CUSTOMER" else Outcome.IGNORED
    heard: list[Run] = []
    verdict = archive.replay(on_progress=heard.append).verdict
    assert verdict is not None
    assert verdict.run.state is RunState.FINISHED
    assert {one.table.mapping: one.outcomes for one in verdict.tables} == {
        "CUSTOMER": {Outcome.UNCHANGED: 5},
        "VENDOR": {Outcome.IGNORED: 5},
    }
    assert {table.direction for table in verdict.run.tables} == {Direction.FROM_DATAVERSE}
    assert any(table.processed < table.produced for run in heard for table in run.tables)


def test_only_what_the_broker_took_between_the_two_times_counts(archive: Archive) -> None:
    for number in range(1, 8):
        archive.put(BC, "customers", f"c{number}")
    result = archive.replay(begin=3, end=5)
    assert archive.replayed() == [("customers", "c3", MODIFIED), ("customers", "c4", MODIFIED)]
    assert result.counts.messages == 2


def test_without_an_end_it_ends_now_whatever_is_published_meanwhile(archive: Archive) -> None:
    archive.put(BC, "customers", "c1")

    def more(_: StretchCounts) -> None:
        archive.put(BC, "customers", "later")

    archive.replay(on_read=more)
    assert archive.replayed() == [("customers", "c1", MODIFIED)]


def test_a_stretch_behind_the_end_or_without_messages_is_empty(archive: Archive) -> None:
    assert archive.replay().counts == StretchCounts()
    archive.put(BC, "customers", "c1")
    assert archive.replay(begin=1000).counts == StretchCounts()
    assert archive.replay(begin=0, end=0).verdict is None
    assert archive.world.topic.events == []


def test_the_latest_kind_counts_but_a_deletion_is_not_lost(archive: Archive) -> None:
    archive.put(BC, "customers", "full", MODIFIED)
    archive.put(BC, "customers", "full", SYNC_ALL)
    archive.put(BC, "customers", "gone", MODIFIED)
    archive.put(BC, "customers", "gone", DELETED)
    archive.put(BC, "customers", "gone", MODIFIED)
    archive.replay()
    assert archive.replayed() == [("customers", "full", SYNC_ALL), ("customers", "gone", DELETED)]


def test_tables_and_records_select(archive: Archive) -> None:
    for table, record in (("customers", "c1"), ("customers", "c2"), ("vendors", "c1"), ("contacts", "c1")):
        archive.put(BC, table, record)
    result = archive.replay(tables=["Customers", "vendors"], records=["C1"])
    assert archive.replayed() == [("customers", "c1", MODIFIED), ("vendors", "c1", MODIFIED)]
    assert (result.counts.events, result.counts.matched) == (4, 2)


def test_tables_that_nothing_maps_are_left_out(archive: Archive) -> None:
    archive.put(BC, "items", "i1")
    result = archive.replay()
    assert (result.counts.events, result.counts.matched) == (1, 0)
    assert archive.world.topic.events == []


def test_a_dry_run_only_counts(archive: Archive) -> None:
    archive.put(BC, "customers", "c1")
    result = archive.replay(dry_run=True)
    assert result.counts.records == 1
    assert result.verdict is None
    assert archive.world.topic.events == []


def test_a_replay_is_not_replayed(archive: Archive) -> None:
    archive.put(BC, "customers", "c1")
    archive.replay()
    archive.keep_live_events()
    archive.world.empty_topic()
    again = archive.replay()
    assert again.counts == StretchCounts(messages=2, events=2, repeated=1, matched=1, records=1)
    assert archive.replayed() == [("customers", "c1", MODIFIED)]
    assert archive.replay(begin=2).verdict is None


def test_the_events_of_other_runs_are_history_like_any_other(archive: Archive) -> None:
    archive.put(BC, "customers", "c1", SYNC_ALL, run_id="a full sync")
    archive.replay()
    assert archive.replayed() == [("customers", "c1", SYNC_ALL)]
    assert archive.world.topic.events[0].run_id != "a full sync"


def test_what_cannot_be_read_is_counted_and_left_out(archive: Archive) -> None:
    archive.put(BC, "customers", "c1")
    archive.publisher.publish(HISTORY, [OutgoingMessage("a key", b"<xml/>"), OutgoingMessage("a key", b"{}")])
    result = archive.replay()
    assert (result.counts.messages, result.counts.unreadable) == (3, 2)
    assert archive.replayed() == [("customers", "c1", MODIFIED)]


def test_changes_of_whole_tables_are_told_once_from_the_earliest_time_on(archive: Archive) -> None:
    collection = ChangeKind.COLLECTION
    archive.put(BC, "customers", None, collection, since=START + timedelta(seconds=9))
    archive.put(BC, "customers", None, collection, since=START + timedelta(seconds=7))
    archive.put(BC, "vendors", None, collection)
    archive.put(BC, "vendors", None, collection, since=START)
    assert archive.replay().verdict is None
    told = {event.table: event.since for event in archive.world.topic.events if event.kind is collection}
    assert told == {"customers": START + timedelta(seconds=7), "vendors": None}
    archive.keep_live_events()
    assert archive.replay(dry_run=True).counts.repeated == 2


def test_other_groups_stay_where_they_are(archive: Archive) -> None:
    archive.put(BC, "customers", "c1")
    live = archive.subscriber("live")
    assert len(live.poll(10, 5.0)) == 1
    archive.replay()
    assert sum(live.lag().values()) == 1
    live.close()


def test_trouble_of_the_broker_is_waited_for(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        archive.put(BC, "customers", f"c{number}")
    for name in ("poll", "settle", "seek", "lag"):
        calls = count()
        method = getattr(EmbeddedSubscriber, name)

        def troubled(self: EmbeddedSubscriber, *args: Any, _method: Any = method, _calls: Any = calls) -> Any:
            if next(_calls) == 0:
                raise Retry("the broker is away", after=0.1)
            return _method(self, *args)

        monkeypatch.setattr(EmbeddedSubscriber, name, troubled)
    assert archive.replay().counts == StretchCounts(messages=5, events=5, matched=5, records=5)
    assert len(archive.replayed()) == 5


def test_events_that_the_topic_may_not_have_taken_are_published_again(archive: Archive) -> None:
    for number in range(5):
        archive.put(DV, "account", f"a{number}", DELETED)
    calls = count(1)

    def trouble() -> None:
        if next(calls) % 3 == 0:
            raise Retry("slow", after=0.1)

    archive.world.topic.strike = trouble
    verdict = archive.replay().verdict
    assert verdict is not None
    assert verdict.good
    assert set(archive.replayed()) == {("account", f"a{number}", DELETED) for number in range(5)}


def test_a_replay_whose_process_died_is_cancelled_by_the_next_one(archive: Archive) -> None:
    archive.put(BC, "customers", "c1")

    def kill() -> None:
        raise Killed

    archive.world.on_wait = kill
    with pytest.raises(Killed):
        archive.replay()
    dead = archive.world.run().id
    archive.world.on_wait = lambda: None
    archive.world.let_heartbeat_expire()
    assert archive.replay().verdict is not None
    assert archive.world.run(dead).state is RunState.CANCELLED


def test_a_broker_that_refuses_is_told_of(archive: Archive) -> None:
    subscriber = EmbeddedSubscriber(archive.world.database, ["no topic"], "replay", "member", clock=archive.world.now)
    with pytest.raises(Stop, match="no topic"):
        replay(archive.world.context, subscriber, begin=START)
    subscriber.close()
