"""What a batch decided, in one transaction, on both databases: releases, waits, entries of several waits, turns."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Barrier

import pytest
from sqlalchemy import Engine

from engine.ledger import couplings, intents, open_operations, outbox, updates
from engine.ledger.couplings import Coupling, Wanted
from engine.ledger.database import read, write
from engine.ledger.intents import Intent
from engine.ledger.open_operations import OpenOperation, OpenStatus
from engine.ledger.recording import MOVED, Recording
from engine.plan import Plans
from engine.release import event_of
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import Retry
from schemas.operations import OperationKey
from schemas.system import Direction
from tests.support.world import BC, DV
from tests.support.worlds import MAPPINGS

TIME = datetime(2026, 1, 1, tzinfo=UTC)
PLANS = Plans(MAPPINGS)
TO, FROM = Direction.TO_DATAVERSE, Direction.FROM_DATAVERSE
COMPANY = ("CUSTOMER", "VENDOR")
_ids = count(1)


def release(entry: OpenOperation) -> ChangeEvent:
    return event_of(entry, PLANS, event_id=f"event-{next(_ids)}", now=TIME)


def commit(database: Engine, recording: Recording, published: Iterable[str] = ()) -> list[ChangeEvent]:
    return recording.commit(database, TIME, release, published, durable=True)


def customer(number: str, *, key: str | None = None) -> Coupling:
    return Coupling("CUSTOMER", bc_id=f"c{number}", dv_id=f"a{number}", bc_key=key or f"CT{number}")


def coupling_of(number: str) -> Recording:
    made = customer(number)
    return Recording(added=[made], releases=PLANS.waiting_keys(made))


def wants(number: str) -> Wanted:
    return Wanted(COMPANY, "bc_key", frozenset((f"CT{number}",)))


def parking(record: str, *numbers: str) -> Recording:
    """A contact that waits for these customers."""
    key = OperationKey("CONTACT", TO, record)
    wanted = [wants(number) for number in numbers]
    entry = OpenOperation(
        key, OpenStatus.PARKED, ChangeKind.MODIFIED, "waits", TIME, TIME, waits_on=tuple(w.waiting_key for w in wanted)
    )
    return Recording(opened=[entry], waits={key: wanted})


def listed(database: Engine) -> dict[str, OpenOperation]:
    with read(database) as connection:
        return {entry.key.record_id: entry for entry in open_operations.listed(connection, limit=100)}


def test_coupling_a_record_releases_what_waits_for_it_and_nothing_else(database: Engine) -> None:
    commit(database, parking("p1", "1"))
    commit(database, parking("p2", "2"))
    (event,) = commit(database, coupling_of("1"))
    assert (event.system, event.table, event.record_id) == (BC, "contacts", "p1")
    assert {record: entry.waits_on for record, entry in listed(database).items()} == {
        "p1": (),
        "p2": (wants("2").waiting_key,),
    }


@pytest.mark.parametrize(("by", "value"), [("bc_key", "CT1"), ("dv_id", "a1")])
def test_a_record_is_found_by_any_of_its_names_that_others_use(database: Engine, by: str, value: str) -> None:
    key = OperationKey("CONTACT", TO if by == "bc_key" else FROM, "p")
    want = Wanted(COMPANY, by, frozenset((value,)))
    entry = OpenOperation(key, OpenStatus.PARKED, ChangeKind.MODIFIED, "", TIME, TIME, waits_on=(want.waiting_key,))
    commit(database, Recording(opened=[entry], waits={key: [want]}))
    assert [event.record_id for event in commit(database, coupling_of("1"))] == ["p"]


def test_an_operation_that_waits_for_several_is_released_by_the_first_and_waits_no_more(database: Engine) -> None:
    commit(database, parking("p", "1", "2"))
    assert len(commit(database, coupling_of("2"))) == 1
    assert listed(database)["p"].waits_on == ()
    assert commit(database, coupling_of("1")) == []


def test_what_was_released_may_wait_again(database: Engine) -> None:
    commit(database, parking("p", "1"))
    commit(database, coupling_of("1"))
    commit(database, parking("p", "2"))
    assert [event.record_id for event in commit(database, coupling_of("2"))] == ["p"]


def test_parking_on_a_record_that_was_coupled_meanwhile_is_over_at_once(database: Engine) -> None:
    commit(database, coupling_of("1"))
    assert [event.record_id for event in commit(database, parking("p", "1"))] == ["p"]


def test_a_closed_operation_waits_for_nothing(database: Engine) -> None:
    commit(database, parking("p", "1"))
    commit(database, Recording(closed=[OperationKey("CONTACT", TO, "p")]))
    assert commit(database, coupling_of("1")) == []
    assert listed(database) == {}


def test_what_waits_for_a_creation_is_released_when_it_is_certain_what_became_of_it(database: Engine) -> None:
    creating = OperationKey("CONTACT", FROM, "d")
    waiting = OperationKey("CONTACT", TO, "p")
    with write(database) as connection:
        intents.declare(connection, [Intent(creating, None, {"displayName": "Ann"}, TIME)])
    entry = OpenOperation(
        waiting, OpenStatus.PARKED, ChangeKind.MODIFIED, "", TIME, TIME, waits_on=(intents.waiting_key(creating),)
    )
    assert commit(database, Recording(opened=[entry], awaits={waiting: creating})) == []
    assert [event.record_id for event in commit(database, Recording(fulfilled=[creating]))] == ["p"]
    again = commit(database, Recording(opened=[entry], awaits={waiting: creating}))
    assert [event.record_id for event in again] == ["p"], "it is certain already"


def test_of_a_child_that_parks_and_a_parent_that_is_coupled_at_once_the_child_is_never_forgotten(
    database: Engine,
) -> None:
    for number in map(str, range(20)):
        together = Barrier(2)

        def meet(recording: Recording, together: Barrier = together) -> list[ChangeEvent]:
            together.wait()
            return commit(database, recording)

        with ThreadPoolExecutor(2) as threads:
            child = threads.submit(meet, parking(f"p{number}", number))
            parent = threads.submit(meet, coupling_of(number))
            events = child.result() + parent.result()
        assert [event.record_id for event in events] == [f"p{number}"]


def test_events_stay_in_the_outbox_until_the_topic_has_them(database: Engine) -> None:
    commit(database, parking("p", "1"))
    (event,) = commit(database, coupling_of("1"))
    with read(database) as connection:
        (left,) = outbox.left_over(connection, TIME + timedelta(days=1), 10)
    assert (left.id, left.record_id, left.kind) == (event.id, "p", ChangeKind.MODIFIED)
    commit(database, Recording(), published=[event.id])
    with read(database) as connection:
        assert outbox.left_over(connection, TIME + timedelta(days=1), 10) == []


def test_a_coupling_that_somebody_else_changed_fails_the_whole_recording(database: Engine) -> None:
    commit(database, coupling_of("1"))
    with read(database) as connection:
        (known,) = couplings.page(connection, "CUSTOMER", 0, 10)
    commit(database, Recording(changed=[known]))
    with pytest.raises(Retry) as moved:
        commit(database, Recording(changed=[known], closed=[], opened=parking("p", "2").opened))
    assert moved.value.code == MOVED
    assert listed(database) == {}
    with pytest.raises(Retry):
        commit(database, Recording(removed=[known]))


@pytest.mark.parametrize("taken", [{"bc_id": "other"}, {"dv_id": "other"}])
def test_a_row_is_coupled_to_one_row_only(database: Engine, taken: dict[str, str]) -> None:
    commit(database, coupling_of("1"))
    rival = customer("1")
    for name, value in taken.items():
        setattr(rival, name, value)
    with pytest.raises(Retry):
        commit(database, Recording(added=[rival]))


def test_a_due_operation_is_taken_once_and_stays_open(database: Engine) -> None:
    key = OperationKey("CONTACT", TO, "p")
    entry = OpenOperation(key, OpenStatus.FAILED, ChangeKind.MODIFIED, "", TIME, TIME, due_at=TIME)
    commit(database, Recording(opened=[entry]))
    with write(database) as connection:
        assert not open_operations.is_due(connection, TIME - timedelta(seconds=1))
        assert [one.key for one in open_operations.take_due(connection, TIME, 10)] == [key]
    with write(database) as connection:
        assert open_operations.take_due(connection, TIME, 10) == []
    assert listed(database)["p"].due_at is None


def test_an_operation_keeps_everything_that_was_said_about_it(database: Engine) -> None:
    entry = OpenOperation(
        OperationKey("CONTACT", TO, "p"),
        OpenStatus.CONFLICT,
        ChangeKind.SYNC_ALL,
        "changed on both sides",
        TIME,
        TIME + timedelta(seconds=1),
        code="both_changed",
        fingerprint="both_changed|",
        attempts=3,
        waits_on=("a", "b"),
        source_version='W/"7"',
        detail=[{"column": "city", "base": None}],
        run_id="r",
        due_at=TIME + timedelta(days=1),
    )
    commit(database, Recording(opened=[entry]))
    assert listed(database)["p"] == entry


def test_updates_under_way_are_told_for_both_directions_until_they_are_recorded(database: Engine) -> None:
    here, there = OperationKey("CONTACT", TO, "p"), OperationKey("CONTACT", FROM, "d")
    with write(database) as connection:
        updates.announce(connection, [(here, {"displayName": "Ann"}), (there, {"displayName": "Bob"})])
    with read(database) as connection:
        found = updates.load(connection, "CONTACT", TO, ["p"], ["d"])
        assert found == {here: {"displayName": "Ann"}, there: {"displayName": "Bob"}}
        assert updates.load(connection, "CONTACT", TO, ["d"], ["p"]) == {}
    commit(database, Recording(recorded=[here]))
    with read(database) as connection:
        assert set(updates.load(connection, "CONTACT", TO, ["p"], ["d"])) == {there}


def test_rows_of_different_mappings_may_have_the_same_ids(database: Engine) -> None:
    vendor = Coupling("VENDOR", bc_id="c1", dv_id="a1", bc_key="CT1")
    commit(database, Recording(added=[customer("1"), vendor]))
    with read(database) as connection:
        assert couplings.load(connection, "CUSTOMER", DV, ["a1"])["a1"].mapping == "CUSTOMER"
        assert couplings.load(connection, "VENDOR", BC, ["c1"])["c1"].mapping == "VENDOR"
