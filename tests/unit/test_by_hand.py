"""What a person couples and uncouples."""

import pytest

from engine.by_hand import ByHand
from engine.ledger.open_operations import OpenStatus
from schemas.errors import Skip
from schemas.mapping import MatchCriterion, UpdateConflict
from schemas.outcomes import Outcome
from tests.support.world import BC, DV, World
from tests.support.worlds import changed, counterpart, customer_pair, new_world, only_entry


def by_hand(world: World) -> ByHand:
    return ByHand(world.plans, world.systems, world.database, clock=world.now, new_id=world.new_id)


def couple(world: World, customer: str, account: str) -> None:
    world.pending.extend(by_hand(world).couple(world.plans["CUSTOMER"], {BC: customer, DV: account}))


def uncouple(world: World, row_id: str) -> None:
    world.pending.extend(by_hand(world).uncouple(world.plans["CUSTOMER"], row_id))


def test_a_person_chooses_between_rows_that_match_equally_well() -> None:
    by_name = [MatchCriterion(columns=("displayName",))]
    with new_world(changed(CUSTOMER={"match": by_name, "update_conflict": UpdateConflict.BUSINESS_CENTRAL})) as world:
        accounts = [world.edit(DV, "account", {"name": "Adatum", "customertypecode": 3}) for _ in range(2)]
        world.pending.clear()
        customer = world.edit(BC, "customers", {"displayName": "Adatum", "city": "Bergen"})
        world.settle()
        assert only_entry(world).status is OpenStatus.PARKED
        assert "twinrow couplings add" in only_entry(world).text

        couple(world, customer, accounts[1])
        world.settle()

        assert counterpart(world, "CUSTOMER", customer) == accounts[1]
        assert world.open_operations() == []
        assert [row.values["address1_city"] for row in world.dv.rows("account").values()].count("Bergen") == 1


def test_rows_that_differ_are_settled_by_the_policy() -> None:
    with new_world(changed(CUSTOMER={"update_conflict": UpdateConflict.DATAVERSE, "only_coupled": True})) as world:
        customer = world.edit(BC, "customers", {"displayName": "Adatum", "city": "Bergen"})
        account = world.edit(DV, "account", {"name": "Adatum AS", "customertypecode": 3, "address1_city": "Oslo"})
        world.settle()
        couple(world, customer, account)
        world.settle()
        row = world.row(BC, "customers", customer)
        assert (row["displayName"], row["city"]) == ("Adatum AS", "Oslo")


def test_what_is_uncoupled_stays_on_both_sides_and_is_not_created_again(world: World) -> None:
    customer, account = customer_pair(world)
    uncouple(world, account)
    world.settle()
    assert world.couplings("CUSTOMER") == []
    world.edit(BC, "customers", {"city": "Bergen"}, row_id=customer)
    world.edit(DV, "account", {"address1_city": "Oslo"}, row_id=account)
    world.outcomes.clear()
    world.settle()
    assert set(world.outcomes) == {Outcome.IGNORED}
    assert len(world.dv.rows("account")) == len(world.bc.rows("customers")) == 1


def test_what_was_uncoupled_can_be_coupled_again(world: World) -> None:
    customer, account = customer_pair(world)
    uncouple(world, customer)
    world.settle()
    couple(world, customer, account)
    world.settle()
    world.edit(BC, "customers", {"city": "Bergen"}, row_id=customer)
    world.settle()
    assert world.row(DV, "account", account)["address1_city"] == "Bergen"


def test_nothing_is_coupled_twice(world: World) -> None:
    customer, account = customer_pair(world)
    with pytest.raises(Skip, match=f"{customer} is coupled already, to {account}; remove that coupling first"):
        couple(world, customer, account)
    assert len(world.couplings("CUSTOMER")) == 1


def test_rows_that_are_not_there_or_not_the_mappings_are_refused(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum"})
    supplier = world.edit(DV, "account", {"name": "Litware", "customertypecode": 11})
    nobody = "00000000-0000-0000-0000-00000000dead"
    with pytest.raises(Skip, match=f"business_central has no row {nobody} in customers"):
        couple(world, nobody, supplier)
    with pytest.raises(Skip, match=f"the row {supplier} of account is outside the filter of CUSTOMER"):
        couple(world, customer, supplier)
    with pytest.raises(Skip, match=f"{nobody} is not coupled by CUSTOMER"):
        uncouple(world, nobody)
