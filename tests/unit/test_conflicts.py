"""One record changed on both sides: merged where the columns differ, by policy where they are the same."""

from typing import Any

import pytest

from engine.ledger.open_operations import OpenStatus
from schemas.mapping import UpdateConflict
from schemas.outcomes import Outcome
from schemas.system import System
from systems.in_process import Moment
from systems.interface import Update
from tests.support.hooks import at_first, crash_at, doing
from tests.support.world import BC, DV, World
from tests.support.worlds import changed, customer_pair, new_world

Pair = tuple[str, str]


def edit_both(world: World, pair: Pair, *, first: System, city: str = "Oslo", address1_city: str = "Bern") -> None:
    """The same column changed on both sides, before either change was delivered."""
    edits: list[tuple[System, str, dict[str, Any], str]] = [
        (BC, "customers", {"city": city}, pair[0]),
        (DV, "account", {"address1_city": address1_city}, pair[1]),
    ]
    for system, table, values, row in edits if first is BC else reversed(edits):
        world.edit(system, table, values, row)


def cities(world: World, pair: Pair) -> tuple[Any, Any]:
    return world.row(BC, "customers", pair[0])["city"], world.row(DV, "account", pair[1])["address1_city"]


@pytest.mark.parametrize("first", System)
@pytest.mark.parametrize("policy", [UpdateConflict.BUSINESS_CENTRAL, UpdateConflict.DATAVERSE, UpdateConflict.LATEST])
def test_the_policy_settles_what_was_changed_on_both_sides(policy: UpdateConflict, first: System) -> None:
    with new_world(changed({"update_conflict": policy})) as world:
        pair = customer_pair(world, city="Rome")
        edit_both(world, pair, first=first)
        world.settle()
        winner = {
            UpdateConflict.BUSINESS_CENTRAL: "Oslo",
            UpdateConflict.DATAVERSE: "Bern",
            UpdateConflict.LATEST: "Bern" if first is BC else "Oslo",
        }[policy]
        assert cities(world, pair) == (winner, winner)
        assert world.open_operations() == []
        assert world.outcomes[Outcome.CONFLICT] == 0


@pytest.mark.parametrize("first", System)
def test_without_a_policy_a_person_sees_both_values_and_the_base_and_nothing_is_overwritten(
    world: World, first: System
) -> None:
    pair = customer_pair(world, city="Rome")
    edit_both(world, pair, first=first)
    world.settle()
    assert cities(world, pair) == ("Oslo", "Bern")
    entries = world.open_operations()
    assert {entry.status for entry in entries} == {OpenStatus.CONFLICT}
    for entry in entries:
        (conflict,) = entry.detail
        assert (conflict["column"], conflict["base"]) == ("city", "Rome")
        assert {conflict["source"], conflict["destination"]} == {"Oslo", "Bern"}


@pytest.mark.parametrize("by", System)
def test_a_conflict_is_over_when_somebody_makes_both_sides_equal(world: World, by: System) -> None:
    pair = customer_pair(world, city="Rome")
    edit_both(world, pair, first=BC)
    world.settle()
    if by is BC:
        world.edit(BC, "customers", {"city": "Bern"}, pair[0])
    else:
        world.edit(DV, "account", {"address1_city": "Oslo"}, pair[1])
    world.settle()
    assert len(set(cities(world, pair))) == 1
    assert world.open_operations() == []


@pytest.mark.parametrize("by", System)
def test_a_conflict_is_over_when_one_side_goes_back_to_what_it_was(world: World, by: System) -> None:
    pair = customer_pair(world, city="Rome")
    edit_both(world, pair, first=BC)
    world.settle()
    if by is BC:
        world.edit(BC, "customers", {"city": "Rome"}, pair[0])
    else:
        world.edit(DV, "account", {"address1_city": "Rome"}, pair[1])
    world.settle()
    assert cities(world, pair) == (("Bern", "Bern") if by is BC else ("Oslo", "Oslo"))
    assert world.open_operations() == []


def test_other_columns_of_a_row_in_conflict_wait_with_it(world: World) -> None:
    pair = customer_pair(world, city="Rome")
    edit_both(world, pair, first=BC)
    world.edit(BC, "customers", {"phoneNumber": "55"}, pair[0])
    world.settle()
    assert world.row(DV, "account", pair[1])["telephone1"] is None
    world.edit(DV, "account", {"address1_city": "Oslo"}, pair[1])
    world.settle()
    assert world.row(DV, "account", pair[1])["telephone1"] == "55"
    assert world.open_operations() == []


def test_different_columns_are_merged(world: World) -> None:
    customer, account = customer_pair(world, city="Rome")
    world.edit(BC, "customers", {"city": "Oslo"}, customer)
    world.edit(DV, "account", {"telephone1": "55"}, account)
    world.settle()
    row, there = world.row(BC, "customers", customer), world.row(DV, "account", account)
    assert (row["city"], row["phoneNumber"]) == (there["address1_city"], there["telephone1"]) == ("Oslo", "55")
    assert world.open_operations() == []


def test_the_same_change_on_both_sides_is_no_conflict_and_writes_nothing(world: World) -> None:
    pair = customer_pair(world, city="Rome")
    world.written.clear()
    edit_both(world, pair, first=BC, city="Oslo", address1_city="Oslo")
    world.settle()
    assert world.written == []
    assert world.open_operations() == []


def test_an_unmapped_column_changed_on_both_sides_is_unchanged_and_writes_nothing(world: World) -> None:
    customer, account = customer_pair(world)
    world.written.clear()
    world.edit(BC, "customers", {"unmapped": "x"}, customer)
    world.edit(DV, "account", {"unmapped": "y"}, account)
    world.settle()
    assert world.written == []
    assert world.outcomes == {Outcome.UNCHANGED: 2, Outcome.IGNORED: 1}


def test_a_one_way_column_edited_on_the_wrong_side_is_set_right(world: World) -> None:
    _, account = customer_pair(world, creditLimit=10)
    world.edit(DV, "account", {"creditlimit": 99}, account)
    world.settle()
    assert world.row(DV, "account", account)["creditlimit"] == 10
    assert world.open_operations() == []


def test_a_one_way_column_never_conflicts(world: World) -> None:
    customer, account = customer_pair(world, creditLimit=10)
    world.edit(DV, "account", {"creditlimit": 99}, account)
    world.edit(BC, "customers", {"creditLimit": 20}, customer)
    world.settle()
    assert world.row(DV, "account", account)["creditlimit"] == 20
    assert world.outcomes[Outcome.CONFLICT] == 0


def test_a_new_row_s_one_way_columns_are_set_right_too(world: World) -> None:
    account = world.edit(DV, "account", {"customertypecode": 3, "name": "Adatum", "creditlimit": 99})
    world.settle()
    assert world.row(DV, "account", account)["creditlimit"] is None
    assert world.open_operations() == []


def test_a_one_way_mapping_s_row_edited_on_the_wrong_side_is_set_right(world: World) -> None:
    euro = world.edit(BC, "currencies", {"code": "EUR", "displayName": "Euro"})
    user = world.edit(DV, "systemuser", {"fullname": "Ann"})
    world.settle()
    (there,) = world.rows(DV, "transactioncurrency")
    (salesperson,) = world.rows(BC, "salespeoplePurchasers")
    world.edit(DV, "transactioncurrency", {"currencyname": "Yen"}, there)
    world.edit(BC, "salespeoplePurchasers", {"displayName": "Bob"}, salesperson)
    world.settle()
    assert world.row(DV, "transactioncurrency", there)["currencyname"] == "Euro"
    assert world.row(BC, "salespeoplePurchasers", salesperson)["displayName"] == "Ann"
    assert (world.row(BC, "currencies", euro)["displayName"], world.row(DV, "systemuser", user)["fullname"]) == (
        "Euro",
        "Ann",
    )
    assert world.open_operations() == []


@pytest.mark.parametrize("writing_to", System)
def test_an_edit_between_reading_and_writing_is_merged(world: World, writing_to: System) -> None:
    customer, account = customer_pair(world, city="Rome")
    if writing_to is DV:
        meanwhile = doing(lambda: world.edit(DV, "account", {"telephone1": "55"}, account))
        world.edit(BC, "customers", {"city": "Oslo"}, customer)
    else:
        meanwhile = doing(lambda: world.edit(BC, "customers", {"phoneNumber": "55"}, customer))
        world.edit(DV, "account", {"address1_city": "Oslo"}, account)
    at_first(world, meanwhile, system=writing_to, call=Update)
    world.settle()
    row, there = world.row(BC, "customers", customer), world.row(DV, "account", account)
    assert (row["city"], row["phoneNumber"]) == (there["address1_city"], there["telephone1"]) == ("Oslo", "55")
    assert world.open_operations() == []


@pytest.mark.parametrize("writing_to", System)
def test_an_edit_of_the_same_column_between_reading_and_writing_is_reported(world: World, writing_to: System) -> None:
    customer, account = customer_pair(world, city="Rome")
    if writing_to is DV:
        meanwhile = doing(lambda: world.edit(DV, "account", {"address1_city": "Bern"}, account))
        world.edit(BC, "customers", {"city": "Oslo"}, customer)
    else:
        meanwhile = doing(lambda: world.edit(BC, "customers", {"city": "Oslo"}, customer))
        world.edit(DV, "account", {"address1_city": "Bern"}, account)
    at_first(world, meanwhile, system=writing_to, call=Update)
    world.settle()
    assert cities(world, (customer, account)) == ("Oslo", "Bern")
    assert {entry.status for entry in world.open_operations()} == {OpenStatus.CONFLICT}


def test_somebody_who_keeps_editing_the_row_is_let_finish_first(world: World) -> None:
    customer, account = customer_pair(world, city="Rome")
    edits = 0

    def keeps_editing(system: System, moment: Moment, _table: str, write: object) -> None:
        nonlocal edits
        if system is DV and moment is Moment.BEFORE and isinstance(write, Update) and edits < 10:
            edits += 1
            world.edit(DV, "account", {"telephone1": str(edits)}, account)

    world.hook = keeps_editing
    world.edit(BC, "customers", {"city": "Oslo"}, customer)
    world.settle()
    assert cities(world, (customer, account)) == ("Oslo", "Oslo")
    assert world.row(BC, "customers", customer)["phoneNumber"] == "10"
    assert world.open_operations() == []


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
@pytest.mark.parametrize("writing_to", System)
def test_a_crash_around_an_update_ends_with_both_sides_equal(world: World, writing_to: System, moment: Moment) -> None:
    customer, account = customer_pair(world, city="Rome")
    if writing_to is DV:
        world.edit(BC, "customers", {"city": "Oslo"}, customer)
    else:
        world.edit(DV, "account", {"address1_city": "Oslo"}, account)
    crash_at(world, system=writing_to, call=Update, moment=moment)
    assert cities(world, (customer, account)) == ("Oslo", "Oslo")
    assert world.open_operations() == []


@pytest.mark.parametrize("policy", UpdateConflict)
@pytest.mark.parametrize("writing_to", System)
def test_an_interrupted_update_is_not_taken_for_a_user_s_edit(writing_to: System, policy: UpdateConflict) -> None:
    """The row over there has our own value, the ledger does not know it, and the user has gone on editing."""
    with new_world(changed({"update_conflict": policy})) as world:
        pair = customer_pair(world, city="Rome")

        def users_edit(city: str) -> None:
            if writing_to is DV:
                world.edit(BC, "customers", {"city": city}, pair[0])
            else:
                world.edit(DV, "account", {"address1_city": city}, pair[1])

        users_edit("Oslo")
        at_first(world, _crash_after(lambda: users_edit("Bern")), system=writing_to, call=Update, moment=Moment.AFTER)
        while True:
            try:
                world.settle()
                break
            except _Down:
                world.restart()
        assert cities(world, pair) == ("Bern", "Bern")
        assert world.open_operations() == []


class _Down(BaseException):
    """The worker is down for a while."""


def _crash_after(action: Any) -> Any:
    def act(_write: object) -> None:
        action()
        raise _Down

    return act


@pytest.mark.parametrize("moment", [Moment.BEFORE, Moment.AFTER])
def test_an_update_interrupted_twice_is_still_recognised(world: World, moment: Moment) -> None:
    customer, account = customer_pair(world, city="Rome")
    for city in ("Oslo", "Bern"):
        world.edit(BC, "customers", {"city": city}, customer)
        at_first(world, _crash_after(lambda: None), system=DV, call=Update, moment=moment)
        with pytest.raises(_Down):
            world.settle()
        world.restart()
    world.edit(BC, "customers", {"city": "Paris"}, customer)
    world.settle()
    assert cities(world, (customer, account)) == ("Paris", "Paris")
    assert world.open_operations() == []


def test_the_other_direction_knows_an_interrupted_update_too(world: World) -> None:
    customer, account = customer_pair(world, city="Rome")
    world.edit(BC, "customers", {"city": "Oslo"}, customer)
    at_first(world, _crash_after(lambda: None), system=DV, call=Update, moment=Moment.AFTER)
    with pytest.raises(_Down):
        world.settle()
    world.restart()
    world.edit(BC, "customers", {"city": "Bern"}, customer)
    world.pending.clear()  # the customer's events come last
    world.edit(DV, "account", {"telephone1": "55"}, account)
    world.settle()
    assert world.open_operations() == []
    world.notify(BC, "customers", customer)
    world.settle()
    row, there = world.row(BC, "customers", customer), world.row(DV, "account", account)
    assert (row["city"], row["phoneNumber"]) == (there["address1_city"], there["telephone1"]) == ("Bern", "55")
    assert world.open_operations() == []
