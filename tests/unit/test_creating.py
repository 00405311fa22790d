"""A row is created on the other side, and once, whatever is interrupted."""

from collections.abc import Iterable, Mapping, Sequence

import pytest

from engine import updating
from engine.context import BatchContext
from engine.creating import derived_id
from engine.ledger import intents
from engine.ledger.database import read
from engine.ledger.open_operations import OpenStatus
from engine.scheduler import Batch
from engine.synchronizer import BatchResult
from engine.work import Work
from schemas.change_event import ChangeKind
from schemas.errors import OutcomeUnknown, Retry, Skip
from schemas.mapping import DeletionConflict
from schemas.outcomes import Outcome
from schemas.row import Value
from schemas.system import Direction, System
from systems.in_process import Moment
from systems.interface import Create
from tests.support.hooks import READ, always, at_first, crash_at, crashing, doing, failing, nothing
from tests.support.world import BC, DV, Crash, World
from tests.support.worlds import changed, counterpart, new_world, only_entry

SIDES = [
    pytest.param(BC, "contacts", {"type": "Person", "displayName": "Ann"}, DV, "contact", id="to_dataverse"),
    pytest.param(DV, "contact", {"fullname": "Ann"}, BC, "contacts", id="from_dataverse"),
]


def outstanding(world: World) -> int:
    with read(world.database) as connection:
        lanes = [(plan.name, direction) for plan in world.plans.in_order() for direction in Direction]
        return sum(len(intents.load_all(connection, *lane)) for lane in lanes)


@pytest.mark.parametrize(("system", "table", "values", "other", "counter_table"), SIDES)
def test_a_new_row_is_created_on_the_other_side_and_coupled(
    world: World, system: System, table: str, values: Mapping[str, Value], other: System, counter_table: str
) -> None:
    row = world.edit(system, table, values)
    world.settle()
    there = counterpart(world, "CONTACT", row)
    assert "Ann" in world.row(other, counter_table, there).values()
    assert world.outcomes[Outcome.INSERTED] == 1
    assert outstanding(world) == 0
    assert world.open_operations() == []


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
@pytest.mark.parametrize(("system", "table", "values", "other", "counter_table"), SIDES)
def test_a_crash_before_or_after_the_create_leaves_one_row(
    world: World,
    system: System,
    table: str,
    values: Mapping[str, Value],
    other: System,
    counter_table: str,
    moment: Moment,
) -> None:
    row = world.edit(system, table, values)
    crash_at(world, system=other, call=Create, moment=moment)
    assert list(world.rows(other, counter_table)) == [counterpart(world, "CONTACT", row)]
    assert outstanding(world) == 0


@pytest.mark.parametrize(("system", "table", "values", "other", "counter_table"), SIDES)
def test_a_lost_answer_leaves_one_row(
    world: World, system: System, table: str, values: Mapping[str, Value], other: System, counter_table: str
) -> None:
    row = world.edit(system, table, values)
    at_first(world, failing(OutcomeUnknown("lost")), system=other, call=Create, moment=Moment.AFTER)
    world.settle()
    assert list(world.rows(other, counter_table)) == [counterpart(world, "CONTACT", row)]


@pytest.mark.parametrize(("system", "table", "values", "other", "counter_table"), SIDES)
def test_a_row_that_another_worker_couples_while_it_is_looked_for_is_left_to_that_one(
    world: World,
    system: System,
    table: str,
    values: Mapping[str, Value],
    other: System,
    counter_table: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The one that had announced it was only slow."""
    row = world.edit(system, table, values)
    at_first(world, crashing, system=other, call=Create, moment=Moment.AFTER)
    with pytest.raises(Crash):
        world.settle()
    world.restart()
    run = world.synchronizer.run
    batches: list[Batch] = []

    def watched(batch: Batch, published: Iterable[str]) -> BatchResult:
        batches.append(batch)
        return run(batch, published)

    monkeypatch.setattr(world.synchronizer, "run", watched)
    at_first(world, doing(lambda: run(batches[-1])), system=other, call=READ)
    world.settle()
    assert list(world.rows(other, counter_table)) == [counterpart(world, "CONTACT", row)]
    assert outstanding(world) == 0
    assert world.open_operations() == []


@pytest.mark.parametrize(("system", "table", "values", "other", "counter_table"), SIDES)
def test_a_worker_that_is_held_up_after_announcing_a_row_does_not_create_what_its_successor_has_created(
    world: World,
    system: System,
    table: str,
    values: Mapping[str, Value],
    other: System,
    counter_table: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = world.edit(system, table, values)
    run, batches = world.synchronizer.run, list[Batch]()

    def watched(batch: Batch, published: Iterable[str]) -> BatchResult:
        batches.append(batch)
        return run(batch, published)

    def held_up(works: Sequence[Work], context: BatchContext) -> None:
        monkeypatch.undo()
        world.seconds += 10.0
        run(batches[-1])
        announce(works, context)

    announce = updating.announce
    monkeypatch.setattr(world.synchronizer, "run", watched)
    monkeypatch.setattr(updating, "announce", held_up)
    world.settle()
    assert list(world.rows(other, counter_table)) == [counterpart(world, "CONTACT", row)]
    assert outstanding(world) == 0
    assert world.open_operations() == []


def test_what_a_user_changed_in_an_adopted_row_is_theirs(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum", "city": "Oslo"})
    account = derived_id("CUSTOMER", customer, 0)

    def meanwhile() -> None:
        world.edit(DV, "account", {"address1_city": "Bern"}, account)
        world.edit(BC, "customers", {"displayName": "Adatum AS"}, customer)

    at_first(world, failing(OutcomeUnknown("lost")), system=DV, call=Create, moment=Moment.AFTER)
    while account not in world.rows(DV, "account"):
        world.step()
    meanwhile()
    world.settle()
    row = world.row(DV, "account", account)
    assert (row["name"], row["address1_city"]) == ("Adatum AS", "Bern")
    assert world.row(BC, "customers", customer)["city"] == "Bern"
    assert world.open_operations() == []


def test_rows_that_nobody_can_tell_apart_are_shared_out_after_a_crash(world: World) -> None:
    contacts = {world.edit(DV, "contact", {"fullname": "Ann"}) for _ in range(2)}
    attempts = 0

    def last_answer_lost(_write: object) -> Retry | None:
        nonlocal attempts
        attempts += 1
        return OutcomeUnknown("lost") if attempts <= 2 else None

    always(world, last_answer_lost, system=BC, call=Create, moment=Moment.AFTER)
    world.settle()
    assert len(world.rows(BC, "contacts")) == 2
    assert {counterpart(world, "CONTACT", row) for row in world.rows(BC, "contacts")} == contacts


def test_of_two_equal_creates_the_one_that_did_not_happen_is_made_up_for(world: World) -> None:
    contacts = {world.edit(DV, "contact", {"fullname": "Ann"}) for _ in range(2)}
    crash_at(world, system=BC, call=Create, moment=Moment.AFTER)
    assert len(world.rows(BC, "contacts")) == 2
    assert {counterpart(world, "CONTACT", row) for row in world.rows(BC, "contacts")} == contacts


def park_in_doubt(world: World) -> tuple[str, list[str]]:
    """A contact whose create was interrupted, and two rows that may be what it became."""
    contact = world.edit(DV, "contact", {"fullname": "Ann"})
    at_first(world, failing(OutcomeUnknown("lost")), system=BC, call=Create, moment=Moment.AFTER)
    while not world.rows(BC, "contacts"):
        world.step()
    world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann"})
    world.settle()
    return contact, list(world.rows(BC, "contacts"))


def test_more_candidates_than_creates_are_left_to_a_person_and_nothing_is_created(world: World) -> None:
    contact, candidates = park_in_doubt(world)
    entries = {entry.key.record_id: entry for entry in world.open_operations()}
    assert entries[contact].code == "ambiguous_create"
    assert all(candidate in entries[contact].text for candidate in candidates)
    assert {entry.status for entry in entries.values()} == {OpenStatus.PARKED}
    assert set(entries) == {contact, *candidates}
    assert len(world.rows(DV, "contact")) == 1


def test_once_one_candidate_is_gone_the_other_is_adopted(world: World) -> None:
    contact, (one, other) = park_in_doubt(world)
    world.remove(BC, "contacts", one)
    world.pass_time(3600)
    assert counterpart(world, "CONTACT", contact) == other
    assert world.open_operations() == []
    assert outstanding(world) == 0


def test_candidates_that_differ_are_told_apart_and_go_their_own_way(world: World) -> None:
    contact, (one, other) = park_in_doubt(world)
    world.edit(BC, "contacts", {"displayName": "Bob"}, one)
    world.pass_time(3600)
    assert counterpart(world, "CONTACT", contact) == other
    assert world.row(DV, "contact", counterpart(world, "CONTACT", one))["fullname"] == "Bob"
    assert world.open_operations() == []


@pytest.mark.parametrize(("policy", "survivors"), [(DeletionConflict.NONE, 1), (DeletionConflict.DELETE, 0)])
def test_a_source_deleted_during_an_interrupted_create_is_a_deletion_of_the_pair(
    policy: DeletionConflict, survivors: int
) -> None:
    with new_world(changed(CONTACT={"deletion_conflict": policy})) as world:
        contact = world.edit(DV, "contact", {"fullname": "Ann"})
        at_first(world, failing(OutcomeUnknown("lost")), system=BC, call=Create, moment=Moment.AFTER)
        while not world.rows(BC, "contacts"):
            world.step()
        world.remove(DV, "contact", contact)
        world.settle()
        assert len(world.rows(BC, "contacts")) == survivors
        assert len(world.couplings("CONTACT")) == survivors
        assert {entry.code for entry in world.open_operations()} == ({"counterpart_deleted"} if survivors else set())
        assert world.rows(DV, "contact") == {}


def test_a_source_deleted_before_its_create_happened_leaves_nothing(world: World) -> None:
    contact = world.edit(DV, "contact", {"fullname": "Ann"})
    at_first(world, failing(Retry("busy", after=5.0)), system=BC, call=Create)
    for _ in range(3):
        world.step()
    world.remove(DV, "contact", contact)
    world.settle()
    assert world.rows(BC, "contacts") == {}
    assert outstanding(world) == 0
    assert world.open_operations() == []


def test_a_row_met_while_it_is_being_created_waits_for_its_coupling(world: World) -> None:
    contact = world.edit(DV, "contact", {"fullname": "Ann"})
    at_first(world, doing(world.run_batch), system=BC, call=Create, moment=Moment.AFTER)
    world.settle()
    (person,) = world.rows(BC, "contacts")
    assert counterpart(world, "CONTACT", contact) == person
    assert len(world.rows(DV, "contact")) == 1


def test_a_row_that_is_met_before_the_ledger_knows_it_is_not_created_a_second_time(world: World) -> None:
    world.edit(DV, "contact", {"fullname": "Ann"})

    def notification_overtakes() -> None:
        world._deliver()
        world.run_batch()

    at_first(world, doing(notification_overtakes), system=BC, call=Create, moment=Moment.AFTER)
    world.settle()
    assert (len(world.rows(DV, "contact")), len(world.rows(BC, "contacts"))) == (1, 1)


def test_a_refused_create_leaves_no_announcement_behind(world: World) -> None:
    world.edit(DV, "contact", {"fullname": "Ann"})
    always(world, failing(Skip("no", code="400")), system=BC, call=Create)
    world.settle()
    assert outstanding(world) == 0
    assert only_entry(world).status is OpenStatus.FAILED


def test_a_blank_row_is_not_taken_for_whatever_else_is_there(world: World) -> None:
    world.edit(BC, "contacts", {"type": "Person", "displayName": "Somebody"})
    world.settle()
    blank = world.edit(DV, "contact", {"fullname": None})
    at_first(world, failing(Retry("busy")), system=BC, call=Create)
    world.settle()
    assert world.row(BC, "contacts", counterpart(world, "CONTACT", blank))["displayName"] is None


def test_a_row_over_there_that_cannot_be_read_does_not_stop_the_search(world: World) -> None:
    customer = world.edit(DV, "account", {"customertypecode": 3, "name": "Adatum"})
    at_first(world, failing(OutcomeUnknown("lost")), system=BC, call=Create, moment=Moment.AFTER)
    while not world.rows(BC, "customers"):
        world.step()
    world.edit(BC, "customers", {"displayName": "Odd", "creditLimit": "a lot"})
    world.settle()
    assert world.row(BC, "customers", counterpart(world, "CUSTOMER", customer))["displayName"] == "Adatum"


def test_columns_for_new_rows_are_written_once_and_not_compared_afterwards(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum"})
    world.settle()
    account = counterpart(world, "CUSTOMER", customer)
    assert world.row(DV, "account", account)["customertypecode"] == 3
    currency = world.edit(BC, "currencies", {"code": "EUR", "displayName": "Euro"})
    world.settle()
    there = counterpart(world, "CURRENCY", currency)
    assert world.row(DV, "transactioncurrency", there)["exchangerate"] == 1
    world.edit(DV, "transactioncurrency", {"exchangerate": 7}, there)
    world.edit(BC, "currencies", {"displayName": "The Euro"}, currency)
    world.settle()
    row = world.row(DV, "transactioncurrency", there)
    assert (row["exchangerate"], row["currencyname"]) == (7, "The Euro")


def test_a_derived_code_is_the_same_for_every_attempt_and_another_for_every_row(world: World) -> None:
    users = [world.edit(DV, "systemuser", {"fullname": name}) for name in ("Ann", "Bob")]
    crash_at(world, system=BC, call=Create, moment=Moment.AFTER)
    codes = {
        str(world.row(BC, "salespeoplePurchasers", counterpart(world, "SALESPEOPLE", user))["code"]) for user in users
    }
    assert len(codes) == len(world.rows(BC, "salespeoplePurchasers")) == 2
    assert all(code.startswith("SP") and len(code) == 10 for code in codes)


def test_only_coupled_leaves_uncoupled_rows_alone_and_full_sync_creates_them() -> None:
    with new_world(changed({"only_coupled": True})) as world:
        person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann"})
        world.settle()
        assert world.rows(DV, "contact") == {}
        assert world.outcomes == {Outcome.IGNORED: 1}
        world.notify(BC, "contacts", person, ChangeKind.SYNC_ALL)
        world.settle()
        assert world.row(DV, "contact", counterpart(world, "CONTACT", person))["fullname"] == "Ann"
        world.edit(BC, "contacts", {"displayName": "Ann B."}, person)
        world.settle()
        assert world.row(DV, "contact", counterpart(world, "CONTACT", person))["fullname"] == "Ann B."


def test_a_full_sync_s_row_that_failed_is_still_wanted_when_it_changes() -> None:
    with new_world(changed({"only_coupled": True})) as world:
        person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann"})
        world.notify(BC, "contacts", person, ChangeKind.SYNC_ALL)
        always(world, failing(Skip("too short", code="400")), system=DV, call=Create)
        world.settle()
        nothing(world)
        world.edit(BC, "contacts", {"displayName": "Ann B."}, person)
        world.settle()
        assert world.row(DV, "contact", counterpart(world, "CONTACT", person))["fullname"] == "Ann B."
        assert world.open_operations() == []


def test_a_one_way_mapping_creates_nothing_the_other_way(world: World) -> None:
    world.edit(DV, "transactioncurrency", {"isocurrencycode": "EUR", "currencyname": "Euro"})
    world.edit(BC, "salespeoplePurchasers", {"code": "ANN", "displayName": "Ann"})
    world.settle()
    assert world.rows(BC, "currencies") == {}
    assert world.rows(DV, "systemuser") == {}
    assert world.outcomes == {Outcome.IGNORED: 2}


def test_ids_of_new_rows_depend_on_mapping_source_and_generation() -> None:
    ids = {derived_id("CUSTOMER", "a", 0), derived_id("VENDOR", "a", 0), derived_id("CUSTOMER", "b", 0)}
    assert len(ids | {derived_id("CUSTOMER", "a", 1)}) == 4
    assert derived_id("CUSTOMER", "a", 0) == derived_id("CUSTOMER", "a", 0)
