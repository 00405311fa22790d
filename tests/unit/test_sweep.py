"""Sweeps: which events stand for a change of a whole table."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from engine.ledger.database import open_database
from producers.sweep import Sweep, SweepProgress
from producers.sync_modified import OVERLAP
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import Retry
from schemas.system import System
from tests.support.databases import SqliteDatabases
from tests.support.run_world import BC, DV, RunWorld

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def world(sqlite_databases: SqliteDatabases) -> Iterator[RunWorld]:
    """Accounts in Dataverse: two customers, a vendor, and one that is neither; two customers in Business Central."""
    with sqlite_databases.fresh() as url:
        engine = open_database(url)
        world = RunWorld(engine)
        for account, kind in (("a1", 3), ("a2", 3), ("a3", 11), ("a4", 1)):
            world.edit(DV, "account", account, customertypecode=kind)
        for customer in ("c1", "c2"):
            world.edit(BC, "customers", customer)
        yield world
        engine.dispose()


def _of(system: System, table: str, since: datetime | None = None) -> ChangeEvent:
    return ChangeEvent(
        "collection",
        system,
        table,
        None,
        ChangeKind.COLLECTION,
        START,
        since=since,
        company="company",
        traceparent="00",
    )


def _kinds(world: RunWorld) -> dict[str, ChangeKind]:
    return {event.record_id or "": event.kind for event in world.topic.events}


def test_a_whole_table_is_an_event_for_each_row_that_any_mapping_admits(world: RunWorld) -> None:
    Sweep(world.context)(_of(DV, "account"))
    assert sorted(world.published("account")) == ["a1", "a2", "a3"]
    assert set(_kinds(world).values()) == {ChangeKind.MODIFIED}


def test_events_belong_to_no_run_and_carry_on_what_the_notification_says(world: RunWorld) -> None:
    Sweep(world.context)(_of(BC, "customers"))
    said = {(event.time, event.company, event.traceparent, event.run_id) for event in world.topic.events}
    assert said == {(START, "company", "00", None)}
    assert len({event.id for event in world.topic.events}) == 2


def test_with_a_time_only_rows_changed_since_are_read_less_an_overlap(world: RunWorld) -> None:
    world.seconds += 3600
    world.edit(BC, "customers", "c3")
    late = START + timedelta(seconds=world.seconds)
    Sweep(world.context)(_of(BC, "customers", late + OVERLAP))
    assert world.published("customers") == ["c3"]
    Sweep(world.context)(_of(BC, "customers", late + OVERLAP + timedelta(seconds=1)))
    assert world.published("customers") == ["c3"]


def test_without_a_time_coupled_rows_that_are_gone_are_told_as_deleted(world: RunWorld) -> None:
    for number, account in enumerate(("gone-1", "a1", "gone-2", "a4", "gone-3")):
        world.couple("CUSTOMER", f"bc-{number}", account)
    world.couple("VENDOR", "bc-9", "gone-1")
    world.couple("CONTACT", "bc-10", "a contact")
    Sweep(world.context)(_of(DV, "account"))
    deleted = [event.record_id for event in world.topic.events if event.kind is ChangeKind.DELETED]
    assert sorted(map(str, deleted)) == ["gone-1", "gone-2", "gone-3"]


def test_with_a_time_nothing_is_told_as_deleted(world: RunWorld) -> None:
    world.couple("CUSTOMER", "c1", "gone")
    Sweep(world.context)(_of(DV, "account", START))
    assert ChangeKind.DELETED not in _kinds(world).values()


def test_deletions_are_found_on_the_side_that_was_swept(world: RunWorld) -> None:
    world.couple("CUSTOMER", "gone", "a1")
    Sweep(world.context)(_of(BC, "customers"))
    assert _kinds(world)["gone"] is ChangeKind.DELETED


def test_a_table_that_nothing_maps_is_no_trouble(world: RunWorld) -> None:
    Sweep(world.context)(_of(BC, "items"))
    assert world.topic.events == []


def test_transient_trouble_comes_through_and_sweeping_again_tells_all(world: RunWorld) -> None:
    steps = 0

    def trouble() -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            raise Retry("away")

    world.topic.strike = trouble
    sweep = Sweep(world.context)
    with pytest.raises(Retry, match="away"):
        sweep(_of(DV, "account"))
    assert "a3" not in world.published("account")
    sweep(_of(DV, "account"))
    assert set(world.published("account")) == {"a1", "a2", "a3"}


def test_progress_counts_rows_and_events(world: RunWorld) -> None:
    world.couple("CUSTOMER", "c1", "gone")
    heard: list[tuple[int, int, int]] = []

    def listen(progress: SweepProgress) -> None:
        heard.append((progress.read, progress.modified, progress.deleted))

    Sweep(world.context)(_of(DV, "account"), listen)
    assert heard[0] == (2, 2, 0)
    assert heard[-1] == (4, 3, 1)
