"""The gate: no reference to an uncoupled record is written, and no row waits for what cannot come."""

from collections.abc import Sequence
from typing import Any

import pytest

from engine.ledger.open_operations import OpenStatus
from schemas.change_event import ChangeKind
from schemas.errors import Retry, Skip, Stop
from schemas.mapping import Column, DeletionConflict, Mappings, MissingReference
from schemas.outcomes import Outcome
from systems.interface import Create, Update
from tests.support.hooks import always, at_first, doing, failing, nothing
from tests.support.world import BC, DV, World
from tests.support.worlds import MAPPINGS, changed, contact_pair, counterpart, customer_pair, new_world, only_entry


def with_missing(mapping: str, column: str, missing: MissingReference, **more: Any) -> Mappings:
    """The tests' mappings, with another policy for a missing reference."""

    def changed_column(one: Column) -> Column:
        if one.name != column or one.reference is None:
            return one
        return one.model_copy(update={"reference": one.reference.model_copy(update={"missing": missing})})

    columns = tuple(changed_column(one) for one in MAPPINGS[mapping].columns)
    return changed(**{mapping: {"columns": columns, **more}})


def hold_back(world: World, tables: Sequence[str]) -> None:
    """Only these tables' events have arrived so far."""
    kept = [event for event in world.pending if event.table in tables]
    world.pending.clear()
    world.pending.extend(kept)


def test_a_contact_before_its_customer_is_parked_and_follows_by_itself(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum"})
    number = world.row(BC, "customers", customer)["contactNumber"]
    world.pending.clear()  # the customer's own event is lost
    person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
    world.settle()
    contact = world.row(DV, "contact", counterpart(world, "CONTACT", person))
    assert contact["parentcustomerid"] == counterpart(world, "CUSTOMER", customer)
    assert world.written == [(DV, "account"), (DV, "contact")]
    assert world.outcomes[Outcome.PARKED] == 1
    assert world.open_operations() == []


def test_the_same_the_other_way_round(world: World) -> None:
    account = world.edit(DV, "account", {"customertypecode": 3, "name": "Adatum"})
    world.pending.clear()
    contact = world.edit(DV, "contact", {"fullname": "Ann", "parentcustomerid": account})
    world.settle()
    person = world.row(BC, "contacts", counterpart(world, "CONTACT", contact))
    customer = world.row(BC, "customers", counterpart(world, "CUSTOMER", account))
    assert person["companyNumber"] == customer["contactNumber"]
    assert world.open_operations() == []


def test_an_update_that_refers_to_a_new_parent_waits_for_it(world: World) -> None:
    person, contact = contact_pair(world)
    vendor = world.edit(BC, "vendors", {"displayName": "Fabrikam"})
    number = world.row(BC, "vendors", vendor)["contactNumber"]
    world.pending.clear()
    world.edit(BC, "contacts", {"companyNumber": number, "displayName": "Ann B."}, person)
    world.settle()
    row = world.row(DV, "contact", contact)
    assert (row["fullname"], row["parentcustomerid"]) == ("Ann B.", counterpart(world, "VENDOR", vendor))


def test_a_chain_of_parents_comes_in_order(world: World) -> None:
    world.edit(BC, "currencies", {"code": "EUR", "displayName": "Euro"})
    customer = world.edit(BC, "customers", {"displayName": "Adatum", "currencyCode": "EUR"})
    number = world.row(BC, "customers", customer)["contactNumber"]
    world.pending.clear()
    world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
    world.settle()
    assert world.written == [(DV, "transactioncurrency"), (DV, "account"), (DV, "contact")]


@pytest.mark.parametrize("first", [BC, DV])
def test_the_circle_of_account_and_primary_contact_closes_from_nothing(world: World, first: Any) -> None:
    if first is BC:
        customer = world.edit(BC, "customers", {"displayName": "Adatum"})
        number = world.row(BC, "customers", customer)["contactNumber"]
        person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
        world.edit(BC, "customers", {"primaryContactId": person}, customer)
        world.settle()
        account, contact = counterpart(world, "CUSTOMER", customer), counterpart(world, "CONTACT", person)
    else:
        account = world.edit(DV, "account", {"customertypecode": 3, "name": "Adatum"})
        contact = world.edit(DV, "contact", {"fullname": "Ann", "parentcustomerid": account})
        world.edit(DV, "account", {"primarycontactid": contact}, account)
        world.settle()
        customer, person = counterpart(world, "CUSTOMER", account), counterpart(world, "CONTACT", contact)
    assert world.row(DV, "account", account)["primarycontactid"] == contact
    assert world.row(DV, "contact", contact)["parentcustomerid"] == account
    assert world.row(BC, "customers", customer)["primaryContactId"] == person
    assert world.open_operations() == []


def test_a_reference_to_nothing_is_left_blank_and_filled_in_when_it_comes(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum", "currencyCode": "CHF"})
    world.settle()
    account = counterpart(world, "CUSTOMER", customer)
    assert world.row(DV, "account", account)["transactioncurrencyid"] is None
    entry = only_entry(world)
    assert entry.status is OpenStatus.DEFERRED
    assert "CHF" in entry.text
    franc = world.edit(BC, "currencies", {"code": "CHF", "displayName": "Franc"})
    world.settle()
    assert world.row(DV, "account", account)["transactioncurrencyid"] == counterpart(world, "CURRENCY", franc)
    assert world.open_operations() == []


def test_what_is_filled_in_later_is_no_user_s_edit(world: World) -> None:
    customer, account = customer_pair(world, currencyCode="CHF")
    franc = world.edit(BC, "currencies", {"code": "CHF", "displayName": "Franc"})
    world.edit(DV, "account", {"telephone1": "55"}, account)
    world.settle()
    assert world.row(DV, "account", account)["transactioncurrencyid"] == counterpart(world, "CURRENCY", franc)
    row = world.row(BC, "customers", customer)
    assert (row["currencyCode"], row["phoneNumber"]) == ("CHF", "55")
    assert world.outcomes[Outcome.CONFLICT] == 0


def test_of_several_deferred_references_each_is_filled_in_when_its_record_comes(world: World) -> None:
    person = world.new_id()
    customer, account = customer_pair(world, currencyCode="CHF", primaryContactId=person)
    assert len(only_entry(world).waits_on) == 2
    world.bc.edit("contacts", {"type": "Person", "displayName": "Ann"}, row_id=person, user="a person")
    world.settle()
    contact = counterpart(world, "CONTACT", person)
    assert world.row(DV, "account", account)["primarycontactid"] == contact
    assert len(only_entry(world).waits_on) == 1
    franc = world.edit(BC, "currencies", {"code": "CHF", "displayName": "Franc"})
    world.settle()
    row = world.row(DV, "account", account)
    assert (row["primarycontactid"], row["transactioncurrencyid"]) == (contact, counterpart(world, "CURRENCY", franc))
    assert world.row(BC, "customers", customer)["currencyCode"] == "CHF"
    assert world.open_operations() == []


def test_an_edit_of_a_column_that_waits_for_its_reference_is_not_lost(world: World) -> None:
    """The value that cannot be written yet and the one that a user chose meanwhile are a conflict, no silent loss."""
    euro = world.edit(BC, "currencies", {"code": "EUR", "displayName": "Euro"})
    _, account = customer_pair(world, currencyCode="CHF")
    world.edit(DV, "account", {"transactioncurrencyid": counterpart(world, "CURRENCY", euro)}, account)
    world.edit(BC, "currencies", {"code": "CHF", "displayName": "Franc"})
    world.settle()
    row = world.row(DV, "account", account)
    assert row["transactioncurrencyid"] == counterpart(world, "CURRENCY", euro)
    assert OpenStatus.CONFLICT in {entry.status for entry in world.open_operations()}


def test_two_rows_that_both_wait_for_a_reference_do_not_send_each_other_round_in_circles(world: World) -> None:
    customer, account = customer_pair(world, currencyCode="CHF")
    world.edit(DV, "account", {"primarycontactid": world.new_id()}, account)
    world.settle(limit=100)
    world.edit(BC, "customers", {"city": "Oslo"}, customer)
    world.settle(limit=100)
    assert world.row(DV, "account", account)["address1_city"] == "Oslo"


def test_a_parent_outside_the_filter_holds_nothing_up(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum", "blocked": "All"})
    number = world.row(BC, "customers", customer)["contactNumber"]
    person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
    world.settle()
    contact = counterpart(world, "CONTACT", person)
    assert world.row(DV, "contact", contact)["parentcustomerid"] is None
    assert only_entry(world).status is OpenStatus.DEFERRED
    world.edit(BC, "customers", {"blocked": None}, customer)
    world.settle()
    assert world.row(DV, "contact", contact)["parentcustomerid"] == counterpart(world, "CUSTOMER", customer)
    assert world.open_operations() == []


def test_a_parent_that_only_coupled_leaves_alone_holds_nothing_up_but_comes_with_a_full_sync() -> None:
    with new_world(changed(CUSTOMER={"only_coupled": True})) as world:
        customer = world.edit(BC, "customers", {"displayName": "Adatum"})
        number = world.row(BC, "customers", customer)["contactNumber"]
        person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
        world.settle()
        contact = counterpart(world, "CONTACT", person)
        assert world.row(DV, "contact", contact)["parentcustomerid"] is None
        world.notify(BC, "contacts", person, ChangeKind.SYNC_ALL)
        world.settle()
        assert world.row(DV, "contact", contact)["parentcustomerid"] == counterpart(world, "CUSTOMER", customer)


def test_a_parked_row_of_a_full_sync_is_still_wanted_when_it_changes_before_its_parent_comes() -> None:
    with new_world(changed({"only_coupled": True})) as world:
        customer = world.edit(BC, "customers", {"displayName": "Adatum"})
        number = world.row(BC, "customers", customer)["contactNumber"]
        person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
        world.notify(BC, "contacts", person, ChangeKind.SYNC_ALL)
        always(world, failing(Skip("no", code="400")), system=DV, call=Create)
        world.settle()
        world.edit(BC, "contacts", {"displayName": "Ann B."}, person)
        world.settle()
        nothing(world)
        world.pass_time(61)
        assert world.row(DV, "contact", counterpart(world, "CONTACT", person))["fullname"] == "Ann B."


def test_a_parent_that_was_uncoupled_on_purpose_holds_nothing_up() -> None:
    with new_world(changed(CUSTOMER={"deletion_conflict": DeletionConflict.REMOVE_COUPLING})) as world:
        customer, account = customer_pair(world)
        number = world.row(BC, "customers", customer)["contactNumber"]
        world.remove(DV, "account", account)
        world.settle()
        person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
        world.settle()
        assert world.row(DV, "contact", counterpart(world, "CONTACT", person))["parentcustomerid"] is None


def test_a_parent_that_is_gone_before_it_came_holds_nothing_up_for_long(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum"})
    number = world.row(BC, "customers", customer)["contactNumber"]
    person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
    always(world, failing(Stop("no privilege")), system=DV, call=Create)
    world.settle()
    world.remove(BC, "customers", customer)
    nothing(world)
    world.settle()
    assert only_entry(world).status is OpenStatus.PARKED
    world.pass_time(61)
    assert world.row(DV, "contact", counterpart(world, "CONTACT", person))["parentcustomerid"] is None


def test_a_stuck_parent_holds_up_its_children_and_nobody_else(world: World) -> None:
    stuck = world.edit(BC, "customers", {"displayName": "Stuck"})
    number = world.row(BC, "customers", stuck)["contactNumber"]
    other = world.edit(BC, "contacts", {"type": "Person", "displayName": "Bob"})
    child = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
    refuse = Skip("refused", code="400")
    always(
        world,
        lambda write: refuse if isinstance(write, Create) and write.values.get("name") == "Stuck" else None,
        system=DV,
    )
    world.settle()
    assert counterpart(world, "CONTACT", other)
    assert {(entry.key.record_id, entry.status) for entry in world.open_operations()} == {
        (stuck, OpenStatus.FAILED),
        (child, OpenStatus.PARKED),
    }
    nothing(world)
    world.pass_time(61)
    assert counterpart(world, "CONTACT", child)
    assert world.open_operations() == []


def test_a_parked_row_is_looked_at_less_and_less_often(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum"})
    number = world.row(BC, "customers", customer)["contactNumber"]
    world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
    always(world, failing(Skip("refused", code="400")), system=DV, call=Create)
    world.settle()
    world.outcomes.clear()
    for _ in range(24 * 60):
        world.pass_time(60)
    assert 5 <= world.outcomes[Outcome.PARKED] <= 25


def test_the_parent_is_pulled_in_even_if_the_rest_of_the_batch_has_trouble(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum"})
    number = world.row(BC, "customers", customer)["contactNumber"]
    world.pending.clear()
    person, _ = contact_pair(world)
    child = world.edit(BC, "contacts", {"type": "Person", "displayName": "Bob", "companyNumber": number})
    world.edit(BC, "contacts", {"displayName": "Ann B."}, person)
    at_first(world, _raise(Retry("the connection broke", after=1.0)), system=DV, call=Update)
    world.settle()
    assert world.row(DV, "contact", counterpart(world, "CONTACT", child))["parentcustomerid"] is not None
    assert world.open_operations() == []


def _raise(error: Exception) -> Any:
    def act(_write: object) -> None:
        raise error

    return act


def test_a_parent_that_is_coupled_while_its_child_parks_releases_it(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum"})
    number = world.row(BC, "customers", customer)["contactNumber"]
    own_event = world.pending.pop()
    person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})

    def parent_overtakes() -> None:
        world.pending.appendleft(own_event)
        world._deliver()
        world.run_batch()

    calls = 0

    def while_parents_are_read(_write: object) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            parent_overtakes()

    always(world, while_parents_are_read, system=BC, call=type(None))
    world.settle()
    assert world.row(DV, "contact", counterpart(world, "CONTACT", person))["parentcustomerid"] is not None
    assert world.open_operations() == []


def test_a_customer_that_gets_another_number_is_found_under_it(world: World) -> None:
    customer, account = customer_pair(world)
    world.edit(BC, "customers", {"contactNumber": "CT9"}, customer)
    person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": "CT9"})
    hold_back(world, ["contacts"])  # the customer's event is late
    world.settle()
    contact = counterpart(world, "CONTACT", person)
    assert world.row(DV, "contact", contact)["parentcustomerid"] == account
    world.edit(DV, "contact", {"fullname": "Bob"}, contact)
    world.settle()
    assert world.row(BC, "contacts", person)["companyNumber"] == "CT9"


def test_policy_defer_does_not_wait_even_for_what_can_come() -> None:
    with new_world(with_missing("CONTACT", "companyNumber", MissingReference.DEFER)) as world:
        customer = world.edit(BC, "customers", {"displayName": "Adatum"})
        number = world.row(BC, "customers", customer)["contactNumber"]
        late = world.pending.pop()
        person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
        world.settle()
        contact = counterpart(world, "CONTACT", person)
        assert world.row(DV, "contact", contact)["parentcustomerid"] is None
        world.pending.append(late)
        world.settle()
        assert world.row(DV, "contact", contact)["parentcustomerid"] == counterpart(world, "CUSTOMER", customer)


def moved_to_nowhere(missing: MissingReference, world: World) -> tuple[str, str]:
    """A contact whose company becomes one that nobody knows; its id, and the account's before."""
    customer, account = customer_pair(world)
    number = world.row(BC, "customers", customer)["contactNumber"]
    person, contact = contact_pair(world, companyNumber=number)
    world.edit(BC, "contacts", {"companyNumber": "NOBODY", "displayName": missing.value}, person)
    world.settle()
    return contact, account


def test_policy_clear_writes_a_blank() -> None:
    with new_world(with_missing("CONTACT", "companyNumber", MissingReference.CLEAR)) as world:
        contact, _ = moved_to_nowhere(MissingReference.CLEAR, world)
        row = world.row(DV, "contact", contact)
        assert (row["parentcustomerid"], row["fullname"]) == (None, "clear")
        assert world.open_operations() == []


def test_policy_keep_leaves_the_column_alone_for_good() -> None:
    with new_world(with_missing("CONTACT", "companyNumber", MissingReference.KEEP)) as world:
        contact, account = moved_to_nowhere(MissingReference.KEEP, world)
        row = world.row(DV, "contact", contact)
        assert (row["parentcustomerid"], row["fullname"]) == (account, "keep")
        assert world.open_operations() == []


@pytest.mark.parametrize("missing", [MissingReference.PARK, MissingReference.DEFER])
def test_an_update_without_its_reference_leaves_that_column_as_it_is(missing: MissingReference) -> None:
    with new_world(with_missing("CONTACT", "companyNumber", missing)) as world:
        contact, account = moved_to_nowhere(missing, world)
        row = world.row(DV, "contact", contact)
        assert (row["parentcustomerid"], row["fullname"]) == (account, missing.value)
        assert only_entry(world).status is OpenStatus.DEFERRED


def test_policy_fail_fails_and_names_the_record() -> None:
    with new_world(with_missing("CONTACT", "companyNumber", MissingReference.FAIL)) as world:
        contact, account = moved_to_nowhere(MissingReference.FAIL, world)
        assert world.row(DV, "contact", contact)["parentcustomerid"] == account
        entry = only_entry(world)
        assert (entry.status, entry.code) == (OpenStatus.FAILED, "must_be_coupled")
        assert "NOBODY" in entry.text


def test_two_columns_may_want_the_same_record_through_different_mappings() -> None:
    second = Column.model_validate(
        {
            "pair": "otherCompany -> managingaccountid",
            "reference": {"to": ["CUSTOMER"], "by": "key"},
        }
    )
    mappings = changed(CONTACT={"columns": (*MAPPINGS["CONTACT"].columns, second)})
    with new_world(mappings) as world:
        customer = world.edit(BC, "customers", {"displayName": "Adatum"})
        number = world.row(BC, "customers", customer)["contactNumber"]
        world.pending.clear()
        person = world.edit(
            BC,
            "contacts",
            {"type": "Person", "displayName": "Ann", "companyNumber": number, "otherCompany": number},
        )
        world.settle()
        account = counterpart(world, "CUSTOMER", customer)
        row = world.row(DV, "contact", counterpart(world, "CONTACT", person))
        assert (row["parentcustomerid"], row["managingaccountid"]) == (account, account)


def test_an_edit_between_reading_and_parking_is_read_when_the_row_is_released(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum"})
    number = world.row(BC, "customers", customer)["contactNumber"]
    world.pending.clear()
    person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann", "companyNumber": number})
    at_first(world, doing(lambda: world.edit(BC, "contacts", {"companyNumber": ""}, person)), system=DV)
    world.settle()
    assert world.row(DV, "contact", counterpart(world, "CONTACT", person))["parentcustomerid"] is None
