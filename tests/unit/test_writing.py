"""Coming to terms with a destination that does not keep what it is given."""

from dataclasses import replace

import pytest

from engine.ledger.open_operations import OpenStatus
from schemas.mapping import MappingDirection
from schemas.system import System
from tests.support.world import BC, DV, Rule, World
from tests.support.worlds import changed, counterpart, customer_pair, new_world, only_entry


def upper_case_city(column: str) -> Rule:
    return lambda values: {column: str(values[column]).upper()} if values.get(column) else {}


def test_what_the_destination_made_of_a_value_is_carried_back(world: World) -> None:
    world.rule(DV, "account", upper_case_city("address1_city"))
    customer, account = customer_pair(world, city="Oslo")
    assert world.row(DV, "account", account)["address1_city"] == "OSLO"
    assert world.row(BC, "customers", customer)["city"] == "OSLO"
    world.edit(BC, "customers", {"city": "Bern"}, customer)
    world.settle()
    assert world.row(BC, "customers", customer)["city"] == "BERN"
    assert world.open_operations() == []


def test_a_side_effect_on_another_column_is_carried_back(world: World) -> None:
    world.rule(BC, "customers", lambda values: {"phoneNumber": "47"} if values.get("city") == "Oslo" else {})
    customer, account = customer_pair(world)
    world.edit(DV, "account", {"address1_city": "Oslo"}, account)
    world.settle()
    assert world.row(BC, "customers", customer)["phoneNumber"] == "47"
    assert world.row(DV, "account", account)["telephone1"] == "47"
    assert world.open_operations() == []


def test_two_systems_that_correct_each_other_are_left_in_peace_visibly(world: World) -> None:
    world.rule(DV, "account", upper_case_city("address1_city"))
    world.rule(BC, "customers", lambda values: {"city": str(values["city"]).lower()} if values.get("city") else {})
    customer, account = customer_pair(world, city="Oslo")
    entry = only_entry(world)
    assert (entry.status, entry.code) == (OpenStatus.CONFLICT, "not_kept")
    writes = len(world.written)
    for system, table, row in ((BC, "customers", customer), (DV, "account", account)):
        world.notify(system, table, row)
        world.settle()
    assert len(world.written) == writes, "and nothing starts it again by itself"
    assert only_entry(world).code == "not_kept"


@pytest.mark.parametrize("system", System)
def test_a_pair_left_in_peace_is_closed_once_a_write_is_kept(world: World, system: System) -> None:
    world.rule(DV, "account", lambda row: {"address1_city": "OSLO"} if row.get("address1_city") == "Oslo" else {})
    world.rule(BC, "customers", lambda row: {"city": "Oslo"} if row.get("city") == "OSLO" else {})
    customer, account = customer_pair(world, city="Oslo")
    assert only_entry(world).code == "not_kept"
    if system is BC:
        world.edit(BC, "customers", {"city": "Bern"}, customer)
    else:
        world.edit(DV, "account", {"address1_city": "Bern"}, account)
    world.settle()
    assert world.row(BC, "customers", customer)["city"] == world.row(DV, "account", account)["address1_city"] == "Bern"
    assert world.open_operations() == []


def test_a_one_way_mapping_s_destination_that_keeps_nothing_comes_to_rest() -> None:
    with new_world(changed(CUSTOMER={"direction": MappingDirection.TO_DATAVERSE})) as world:
        world.rule(DV, "account", upper_case_city("address1_city"))
        world.edit(BC, "customers", {"displayName": "Adatum", "city": "Oslo"})
        world.settle()
        assert only_entry(world).code == "not_kept"


def test_a_one_way_column_that_is_not_kept_is_said_at_once_and_closed_once_it_is(world: World) -> None:
    world.rule(DV, "account", lambda row: {"creditlimit": 50} if row.get("creditlimit") == 60 else {})
    customer, account = customer_pair(world, creditLimit=60)
    entry = only_entry(world)
    assert (entry.status, entry.code) == (OpenStatus.CONFLICT, "not_kept")
    assert "creditLimit" in entry.text
    world.edit(DV, "account", {"telephone1": "55"}, account)
    world.settle()
    assert world.row(BC, "customers", customer)["phoneNumber"] == "55"
    assert only_entry(world).code == "not_kept"
    world.edit(BC, "customers", {"creditLimit": 40}, customer)
    world.settle()
    assert world.open_operations() == []


def test_users_who_edit_other_columns_do_not_count_as_not_keeping(world: World) -> None:
    customer, account = customer_pair(world)
    for number in range(6):
        world.edit(DV, "account", {"telephone1": str(number)}, account)
        world.pending.clear()  # its notification is late
        world.edit(BC, "customers", {"city": f"City {number}"}, customer)
        world.pending = type(world.pending)(event for event in world.pending if event.system is BC)
        for _ in range(3):
            world.step()
    world.settle()
    assert [entry.code for entry in world.open_operations()] == []
    assert world.row(BC, "customers", customer)["phoneNumber"] == "5"


def test_an_answer_that_cannot_be_read_still_couples_the_row(world: World) -> None:
    world.rule(DV, "account", lambda _values: {"creditlimit": "a lot"})
    customer = world.edit(BC, "customers", {"displayName": "Adatum", "creditLimit": 10})
    world.settle()
    counterpart(world, "CUSTOMER", customer)
    assert len(world.rows(DV, "account")) == 1
    assert any("creditlimit" in entry.text for entry in world.open_operations())


def test_a_row_leaves_the_filter_and_comes_back(world: World) -> None:
    customer, account = customer_pair(world)
    world.edit(BC, "customers", {"blocked": "All"}, customer)
    world.edit(BC, "customers", {"city": "Oslo"}, customer)
    world.settle()
    assert world.row(DV, "account", account)["address1_city"] is None
    world.edit(DV, "account", {"telephone1": "55"}, account)
    world.settle()
    assert world.row(BC, "customers", customer)["phoneNumber"] == "55"
    world.edit(BC, "customers", {"blocked": None}, customer)
    world.settle()
    assert world.row(DV, "account", account)["address1_city"] == "Oslo"
    assert world.open_operations() == []


def test_longer_text_is_cut_for_the_shorter_side_and_never_cuts_the_longer_one(world: World) -> None:
    long = "Adatum Corporation of Norway"
    account = world.edit(DV, "account", {"customertypecode": 3, "name": long})
    world.settle()
    customer = counterpart(world, "CUSTOMER", account)
    assert world.row(BC, "customers", customer)["displayName"] == long[:20].rstrip()
    world.edit(BC, "customers", {"city": "Oslo"}, customer)
    world.settle()
    assert world.row(DV, "account", account)["name"] == long


def test_a_version_says_which_row_had_the_base(world: World) -> None:
    customer, account = customer_pair(world, city="Oslo")
    (coupling,) = world.couplings("CUSTOMER")
    assert coupling.bc_version == world.rows(BC, "customers")[customer].version
    assert coupling.dv_version == world.rows(DV, "account")[account].version
    assert coupling.base["city"] == "Oslo"
    assert replace(coupling) == coupling
