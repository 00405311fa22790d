"""One side of a pair is deleted: what happens to the other, by policy, direction and way of the mapping."""

from typing import Any

import pytest

from engine.ledger import couplings
from engine.ledger.database import read
from engine.ledger.open_operations import OpenStatus
from schemas.change_event import ChangeKind
from schemas.errors import OutcomeUnknown
from schemas.mapping import DeletionConflict, MappingDirection, Mappings
from schemas.outcomes import Outcome
from schemas.system import System
from systems.in_process import Moment
from systems.interface import Create, Delete, Update
from tests.support.hooks import at_first, crash_at, doing, failing
from tests.support.world import BC, DV, World
from tests.support.worlds import MAPPINGS, changed, contact_pair, counterpart, new_world, only_entry

TABLES = {BC: "contacts", DV: "contact"}
NAMES = {BC: "displayName", DV: "fullname"}
DEACTIVATION = {
    "business_central": MAPPINGS["CONTACT"].business_central.model_copy(update={"deactivate": {"blocked": "All"}}),
    "dataverse": MAPPINGS["CONTACT"].dataverse.model_copy(update={"deactivate": {"statecode": 1}}),
}


def mappings(policy: DeletionConflict, **more: Any) -> Mappings:
    return changed(CONTACT={"deletion_conflict": policy, **DEACTIVATION, **more})


def delete_one_side(world: World, deleted_in: System) -> tuple[str, str]:
    """Delete one side of a pair, and settle; the ids of the deleted and of the surviving row."""
    person, contact = contact_pair(world)
    gone, left = (person, contact) if deleted_in is BC else (contact, person)
    world.remove(deleted_in, TABLES[deleted_in], gone)
    world.settle()
    return gone, left


def edit(world: World, system: System, row_id: str, name: str) -> None:
    world.edit(system, TABLES[system], {NAMES[system]: name}, row_id)
    world.settle()


@pytest.mark.parametrize("deleted_in", System)
def test_policy_none_fails_visibly_and_both_the_survivor_and_the_coupling_stay(deleted_in: System) -> None:
    with new_world(mappings(DeletionConflict.NONE)) as world:
        gone, left = delete_one_side(world, deleted_in)
        entry = only_entry(world)
        assert (entry.status, entry.code) == (OpenStatus.FAILED, "counterpart_deleted")
        assert gone in entry.text
        assert left in world.rows(deleted_in.other, TABLES[deleted_in.other])
        assert len(world.couplings("CONTACT")) == 1


@pytest.mark.parametrize("deleted_in", System)
def test_policy_none_is_over_when_the_survivor_is_deleted_too(deleted_in: System) -> None:
    with new_world(mappings(DeletionConflict.NONE)) as world:
        _, left = delete_one_side(world, deleted_in)
        edit(world, deleted_in.other, left, "Bob")
        world.remove(deleted_in.other, TABLES[deleted_in.other], left)
        world.settle()
        assert world.open_operations() == []
        assert world.couplings("CONTACT") == []


@pytest.mark.parametrize("only_coupled", [True, False])
@pytest.mark.parametrize("deleted_in", System)
def test_policy_restore_makes_a_new_row_with_a_new_id(deleted_in: System, only_coupled: bool) -> None:
    with new_world(mappings(DeletionConflict.RESTORE, only_coupled=only_coupled)) as world:
        person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann"})
        world.notify(BC, "contacts", person, ChangeKind.SYNC_ALL)
        world.settle()
        contact = counterpart(world, "CONTACT", person)
        gone, left = (person, contact) if deleted_in is BC else (contact, person)
        world.remove(deleted_in, TABLES[deleted_in], gone)
        world.settle()
        restored = counterpart(world, "CONTACT", left)
        assert restored != gone
        assert world.row(deleted_in, TABLES[deleted_in], restored)[NAMES[deleted_in]] == "Ann"
        assert [coupling.generation for coupling in world.couplings("CONTACT")] == [1]
        assert world.open_operations() == []


@pytest.mark.parametrize("deleted_in", System)
def test_a_row_can_be_restored_again_and_again(deleted_in: System) -> None:
    with new_world(mappings(DeletionConflict.RESTORE)) as world:
        gone, left = delete_one_side(world, deleted_in)
        ids = {gone}
        for generation in (2, 3):
            restored = counterpart(world, "CONTACT", left)
            ids.add(restored)
            world.remove(deleted_in, TABLES[deleted_in], restored)
            world.settle()
            assert world.couplings("CONTACT")[0].generation == generation
        assert len(ids | {counterpart(world, "CONTACT", left)}) == 4


@pytest.mark.parametrize("deleted_in", System)
def test_policy_remove_coupling_lets_the_survivor_be_and_does_not_create_it_again(deleted_in: System) -> None:
    with new_world(mappings(DeletionConflict.REMOVE_COUPLING)) as world:
        gone, left = delete_one_side(world, deleted_in)
        edit(world, deleted_in.other, left, "Bob")
        assert world.couplings("CONTACT") == []
        assert world.rows(deleted_in, TABLES[deleted_in]) == {}
        assert world.open_operations() == []
        assert world.outcomes[Outcome.UNCOUPLED] == 1
        world.notify(deleted_in.other, TABLES[deleted_in.other], left, ChangeKind.SYNC_ALL)
        world.settle()
        assert counterpart(world, "CONTACT", left) != gone, "a full sync creates it, as a new row"


@pytest.mark.parametrize("deleted_in", System)
def test_policy_delete_deletes_the_other_side_too(deleted_in: System) -> None:
    with new_world(mappings(DeletionConflict.DELETE)) as world:
        delete_one_side(world, deleted_in)
        assert world.rows(deleted_in.other, TABLES[deleted_in.other]) == {}
        assert world.couplings("CONTACT") == []
        assert world.open_operations() == []
        assert world.outcomes[Outcome.DELETED] == 1


@pytest.mark.parametrize("deleted_in", System)
def test_policy_deactivate_deactivates_the_other_side_and_leaves_it_alone(deleted_in: System) -> None:
    with new_world(mappings(DeletionConflict.DEACTIVATE)) as world:
        _, left = delete_one_side(world, deleted_in)
        survivor = world.row(deleted_in.other, TABLES[deleted_in.other], left)
        assert survivor["statecode" if deleted_in is BC else "blocked"] == (1 if deleted_in is BC else "All")
        edit(world, deleted_in.other, left, "Bob")
        assert world.rows(deleted_in, TABLES[deleted_in]) == {}
        assert world.couplings("CONTACT") == []
        assert world.open_operations() == []


@pytest.mark.parametrize("policy", [DeletionConflict.DELETE, DeletionConflict.DEACTIVATE])
@pytest.mark.parametrize("deleted_in", System)
def test_a_survivor_that_was_changed_meanwhile_is_a_conflict_not_a_loss(
    deleted_in: System, policy: DeletionConflict
) -> None:
    with new_world(mappings(policy)) as world:
        person, contact = contact_pair(world)
        gone, left = (person, contact) if deleted_in is BC else (contact, person)
        world.edit(deleted_in.other, TABLES[deleted_in.other], {NAMES[deleted_in.other]: "Bob"}, left)
        world.remove(deleted_in, TABLES[deleted_in], gone)
        world.settle()
        assert world.row(deleted_in.other, TABLES[deleted_in.other], left)[NAMES[deleted_in.other]] == "Bob"
        assert {entry.status for entry in world.open_operations()} == {OpenStatus.CONFLICT}
        world.remove(deleted_in.other, TABLES[deleted_in.other], left)
        world.settle()
        assert world.open_operations() == []
        assert world.couplings("CONTACT") == []


@pytest.mark.parametrize("deleted_in", System)
def test_an_edit_at_the_moment_of_deleting_is_seen(deleted_in: System) -> None:
    with new_world(mappings(DeletionConflict.DELETE)) as world:
        person, contact = contact_pair(world)
        gone, left = (person, contact) if deleted_in is BC else (contact, person)
        other = deleted_in.other
        rename = doing(lambda: world.edit(other, TABLES[other], {NAMES[other]: "Bob"}, left))
        at_first(world, rename, system=other, call=Delete)
        world.remove(deleted_in, TABLES[deleted_in], gone)
        world.settle()
        assert world.row(other, TABLES[other], left)[NAMES[other]] == "Bob"
        assert {entry.code for entry in world.open_operations()} == {"deleted_and_changed"}


@pytest.mark.parametrize("policy", DeletionConflict)
def test_a_pair_deleted_on_both_sides_at_once_is_simply_gone(policy: DeletionConflict) -> None:
    with new_world(mappings(policy)) as world:
        person, contact = contact_pair(world)
        world.remove(BC, "contacts", person)
        world.remove(DV, "contact", contact)
        world.settle()
        assert world.couplings("CONTACT") == []
        assert world.open_operations() == []
        assert (world.rows(BC, "contacts"), world.rows(DV, "contact")) == ({}, {})


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
@pytest.mark.parametrize(
    ("policy", "call"),
    [
        (DeletionConflict.DELETE, Delete),
        (DeletionConflict.DEACTIVATE, Update),
        (DeletionConflict.RESTORE, Create),
    ],
)
@pytest.mark.parametrize("deleted_in", System)
def test_a_crash_around_the_write_changes_nothing_of_the_end(
    deleted_in: System, policy: DeletionConflict, call: type[object], moment: Moment
) -> None:
    with new_world(mappings(policy)) as world:
        person, contact = contact_pair(world)
        gone, left = (person, contact) if deleted_in is BC else (contact, person)
        world.remove(deleted_in, TABLES[deleted_in], gone)
        written_to = deleted_in if policy is DeletionConflict.RESTORE else deleted_in.other
        crash_at(world, system=written_to, call=call, moment=moment)
        assert world.open_operations() == []
        restored = policy is DeletionConflict.RESTORE
        assert len(world.rows(deleted_in, TABLES[deleted_in])) == len(world.couplings("CONTACT")) == restored
        assert len(world.rows(deleted_in.other, TABLES[deleted_in.other])) == (policy is not DeletionConflict.DELETE)
        assert left not in {coupling.id_in(deleted_in) for coupling in world.couplings("CONTACT")}


@pytest.mark.parametrize("policy", DeletionConflict)
def test_deleting_the_source_of_a_one_way_mapping(policy: DeletionConflict) -> None:
    with new_world(mappings(policy, direction=MappingDirection.TO_DATAVERSE)) as world:
        _, left = delete_one_side(world, BC)
        codes = [entry.code for entry in world.open_operations()]
        match policy:
            case DeletionConflict.NONE | DeletionConflict.RESTORE:  # nothing can be restored against its direction
                assert codes == ["counterpart_deleted"]
            case _:
                assert codes == []
                assert world.couplings("CONTACT") == []
        assert (left in world.rows(DV, "contact")) is (policy is not DeletionConflict.DELETE)
        assert world.rows(BC, "contacts") == {}


@pytest.mark.parametrize("policy", DeletionConflict)
def test_deleting_the_destination_of_a_one_way_mapping(policy: DeletionConflict) -> None:
    with new_world(mappings(policy, direction=MappingDirection.TO_DATAVERSE)) as world:
        gone, left = delete_one_side(world, DV)
        codes = [entry.code for entry in world.open_operations()]
        match policy:
            case DeletionConflict.RESTORE:
                assert counterpart(world, "CONTACT", left) != gone
            case DeletionConflict.REMOVE_COUPLING:
                assert (codes, world.couplings("CONTACT")) == ([], [])
            case _:  # a deletion does not travel against the mapping's direction
                assert codes == ["counterpart_deleted"]
        assert left in world.rows(BC, "contacts")


@pytest.mark.parametrize("deleted_in", System)
def test_a_destination_that_is_found_deleted_goes_by_the_policy_before_its_own_event_comes(deleted_in: System) -> None:
    with new_world(mappings(DeletionConflict.RESTORE)) as world:
        person, contact = contact_pair(world)
        gone, left = (person, contact) if deleted_in is BC else (contact, person)
        world.remove(deleted_in, TABLES[deleted_in], gone)
        late = world.pending.pop()
        edit(world, deleted_in.other, left, "Bob")
        restored = counterpart(world, "CONTACT", left)
        world.pending.append(late)
        world.settle()
        assert counterpart(world, "CONTACT", left) == restored
        assert world.row(deleted_in, TABLES[deleted_in], restored)[NAMES[deleted_in]] == "Bob"


def test_an_interrupted_update_is_not_taken_for_an_edit_that_forbids_the_deletion() -> None:
    with new_world(mappings(DeletionConflict.DELETE)) as world:
        person, contact = contact_pair(world)
        world.edit(BC, "contacts", {"displayName": "Bob"}, person)
        at_first(world, failing(OutcomeUnknown("lost")), system=DV, call=Update, moment=Moment.AFTER)
        while world.row(DV, "contact", contact)["fullname"] != "Bob":
            world.step()
        world.remove(BC, "contacts", person)
        world.settle()
        assert world.rows(DV, "contact") == {}
        assert world.open_operations() == []


def test_a_deletion_that_is_delivered_again_says_nothing_new() -> None:
    with new_world(mappings(DeletionConflict.REMOVE_COUPLING)) as world:
        gone, _ = delete_one_side(world, BC)
        with read(world.database) as connection:
            before = couplings.load_uncoupled(connection, "CONTACT", DV, list(world.rows(DV, "contact")))
        world.notify(BC, "contacts", gone, ChangeKind.DELETED)
        world.settle()
        with read(world.database) as connection:
            assert couplings.load_uncoupled(connection, "CONTACT", DV, list(world.rows(DV, "contact"))) == before


def test_an_event_of_a_deletion_that_did_not_happen_is_a_look_at_the_row(world: World) -> None:
    person, contact = contact_pair(world)
    world.notify(BC, "contacts", person, ChangeKind.DELETED)
    world.settle()
    assert counterpart(world, "CONTACT", person) == contact
    assert world.outcomes == {Outcome.UNCHANGED: 1}
