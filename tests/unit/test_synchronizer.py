"""A batch from the ledger's memory to the ledger's record: one record's trouble is its own."""

from pathlib import Path

import pytest
from sqlalchemy import event

from engine.ledger import couplings
from engine.ledger.couplings import Coupling, Uncoupled
from engine.ledger.database import write
from engine.ledger.open_operations import OpenStatus
from schemas.errors import Retry, Skip, SyncError
from schemas.outcomes import Outcome
from schemas.system import System
from systems.in_process import Moment
from systems.interface import Create, Update, Write
from tests.support.hooks import always, at_first, doing, failing, nothing
from tests.support.world import BC, DV, Crash, World
from tests.support.worlds import contact_pair, counterpart, new_world, only_entry


def persons(world: World, number: int) -> list[str]:
    return [world.edit(BC, "contacts", {"type": "Person", "displayName": f"Ann {n}"}) for n in range(number)]


def test_one_bad_record_in_a_batch_of_a_hundred_fails_alone(world: World) -> None:
    rows = persons(world, 100)

    def refuse_one(write: Write | None) -> SyncError | None:
        bad = isinstance(write, Create) and write.values["fullname"] == "Ann 57"
        return Skip("not this one", code="400") if bad else None

    always(world, refuse_one, system=DV)
    world.settle()
    assert len(world.couplings("CONTACT")) == 99
    assert only_entry(world).key.record_id == rows[57]


def test_a_hundred_records_cost_one_request_each_way(world: World) -> None:
    calls: list[str] = []
    world.hook = lambda system, moment, _table, write: (
        calls.append(system) if moment is Moment.BEFORE and write is None else None
    )
    persons(world, 100)
    world.settle()
    assert len(world.couplings("CONTACT")) == 100
    assert calls == [BC], "the rows are read at once, and the answers to the writes tell the rest"


def test_a_record_that_the_engine_stumbles_over_fails_alone_and_visibly(world: World) -> None:
    rows = persons(world, 5)

    def stumble(write: Write | None) -> SyncError | None:
        if isinstance(write, Create) and write.values["fullname"] == "Ann 3":
            raise KeyError("a bug")
        return None

    always(world, stumble, system=DV)
    world.settle()
    entry = only_entry(world)
    assert (entry.key.record_id, entry.status, entry.code) == (rows[3], OpenStatus.FAILED, "unexpected")
    assert len(world.couplings("CONTACT")) == len(world.rows(DV, "contact")) == 4
    nothing(world)
    world.pass_time(61)
    assert len(world.couplings("CONTACT")) == len(world.rows(DV, "contact")) == 5


def test_a_pair_that_another_worker_changed_meanwhile_is_decided_again_and_holds_up_nobody(world: World) -> None:
    person, contact = contact_pair(world)
    rows = persons(world, 3)
    world.edit(BC, "contacts", {"displayName": "Bob"}, person)

    def another_worker() -> None:
        (coupling,) = (one for one in world.couplings("CONTACT") if one.bc_id == person)
        with write(world.database) as connection:
            couplings.change(connection, [coupling])

    at_first(world, doing(another_worker), system=DV)
    world.settle()
    assert world.row(DV, "contact", contact)["fullname"] == "Bob"
    assert len(world.couplings("CONTACT")) == len(world.rows(DV, "contact")) == 1 + len(rows)
    assert world.open_operations() == []


def test_a_pair_that_another_worker_removed_meanwhile_is_decided_again(world: World) -> None:
    person, contact = contact_pair(world)
    world.edit(BC, "contacts", {"displayName": "Bob"}, person)

    def another_worker() -> None:
        removed = world.couplings("CONTACT")
        with write(world.database) as connection:
            couplings.remove(connection, removed)
            left = [Uncoupled("CONTACT", system, removed[0].id_in(system), 1) for system in System]
            couplings.note_uncoupled(connection, left, world.now())

    at_first(world, doing(another_worker), system=DV)
    world.settle()
    assert world.couplings("CONTACT") == []
    assert world.row(DV, "contact", contact)["fullname"] == "Bob", "it was written before anybody could know"
    assert world.open_operations() == []


def test_a_row_that_another_worker_coupled_meanwhile_is_not_coupled_twice(world: World) -> None:
    (person,) = persons(world, 1)

    def another_worker(_write: Write | None) -> None:
        (contact,) = world.rows(DV, "contact")
        with write(world.database) as connection:
            couplings.add(connection, [Coupling("CONTACT", bc_id=person, dv_id=contact)])

    at_first(world, another_worker, system=DV, call=Create, moment=Moment.AFTER)
    world.settle()
    assert len(world.couplings("CONTACT")) == len(world.rows(DV, "contact")) == 1
    assert world.open_operations() == []


@pytest.mark.parametrize(("system", "call"), [(BC, Create), (DV, Create), (BC, Update), (DV, Update)])
def test_a_crash_between_the_write_and_the_record_ends_the_same(
    tmp_path: Path, system: System, call: type[object]
) -> None:
    with new_world(ledger=f"sqlite:///{tmp_path}/ledger.db") as world:
        source, table, name = (BC, "contacts", "displayName") if system is DV else (DV, "contact", "fullname")
        row = world.edit(source, table, {name: "Ann", **({"type": "Person"} if source is BC else {})})
        if call is Update:
            world.settle()
            world.edit(source, table, {name: "Bob"}, row)
        written = False

        def now() -> None:
            nonlocal written
            written = True

        def die(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            if written and statement.startswith(("INSERT", "UPDATE", "DELETE")):
                raise Crash

        event.listen(world.database, "before_cursor_execute", die)
        at_first(world, doing(now), system=system, call=call, moment=Moment.AFTER)
        with pytest.raises(Crash):
            world.settle()
        event.remove(world.database, "before_cursor_execute", die)
        world.restart()
        world.settle()
        there = "contacts" if system is BC else "contact"
        values = world.row(system, there, counterpart(world, "CONTACT", row))
        assert ("Bob" if call is Update else "Ann") in values.values()
        assert len(world.rows(system, there)) == 1
        assert world.open_operations() == []


def test_a_crash_after_the_record_and_before_publishing_loses_no_follow_up(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum"})
    number = world.row(BC, "customers", customer)["contactNumber"]
    world.pending.clear()
    person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
    world._deliver()
    batch = world.scheduler.take(10, 0.0)
    assert batch is not None
    world.synchronizer.run(batch)  # the child is parked, and nobody publishes that its parent is wanted
    world._unsettled.clear()
    world.restart()
    assert world.redeliver_outbox() == 1
    world.settle()
    assert world.row(DV, "contact", counterpart(world, "CONTACT", person))["parentcustomerid"] is not None


def test_events_that_the_topic_acknowledged_leave_the_outbox_with_the_next_record(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum"})
    number = world.row(BC, "customers", customer)["contactNumber"]
    world.pending.clear()
    world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
    world.settle()
    world.edit(BC, "customers", {"city": "Oslo"}, customer)
    world.settle()
    world.restart()
    assert world.redeliver_outbox() == 0


def test_a_lane_rests_as_long_as_its_system_asked_for(world: World) -> None:
    persons(world, 3)

    def throttled(_write: object) -> None:
        raise Retry("too many requests", code="429", after=30.0, throttled=True)

    at_first(world, throttled, system=BC, call=type(None))
    world.settle()
    assert world.seconds >= 30
    assert len(world.couplings("CONTACT")) == 3


def test_a_record_s_own_transient_trouble_does_not_hold_its_lane(world: World) -> None:
    persons(world, 3)
    at_first(world, failing(Retry("locked", after=30.0)), system=DV)
    while len(world.couplings("CONTACT")) < 2:
        world.step()
    assert world.seconds < 30
    world.settle()
    assert len(world.couplings("CONTACT")) == 3


def test_whatever_is_delivered_twice_counts_as_unchanged(world: World) -> None:
    person, contact = contact_pair(world)
    for _ in range(3):
        world.notify(BC, "contacts", person)
        world.notify(DV, "contact", contact)
        world.settle()
    assert world.outcomes == {Outcome.UNCHANGED: 6}
