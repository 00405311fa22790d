"""The demo's verdict: rows matched by key, columns compared in each system's own terms."""

from pathlib import Path

import pytest

from console.demo.comparison import Difference, compare
from console.demo.mappings import write_mappings
from schemas import mapping_file
from schemas.features import Features
from schemas.mapping import Mappings
from schemas.row import Value
from schemas.system import System
from systems.in_process import InProcessSystem

BC, DV = System.BUSINESS_CENTRAL, System.DATAVERSE
TEAM = "da9495a7-1477-5e52-b7e6-e853dac70ec6"


class World:
    """Both systems in memory, with a customer that they agree about."""

    def __init__(self, mappings: Mappings) -> None:
        self.mappings = mappings
        self.bc, self.dv = InProcessSystem(BC), InProcessSystem(DV)
        self.bc.edit("currencies", {"code": "NOK", "displayName": "Krone", "symbol": "kr"})
        krone = {"isocurrencycode": "NOK", "currencyname": "Krone", "currencysymbol": "kr"}
        self.krone = self.dv.edit("transactioncurrency", krone).id
        self.customer = self.in_business_central(phoneNumber="1", currencyCode="NOK")
        self.account = self.in_dataverse(telephone1="1", transactioncurrencyid=self.krone)

    def in_business_central(self, **values: Value) -> str:
        """A customer; its id."""
        row: dict[str, Value] = {"email": "office@adatum.example", "displayName": "Adatum", "blocked": ""}
        return self.bc.edit("customers", row | values).id

    def in_dataverse(self, **values: Value) -> str:
        """A customer's account; its id."""
        row: dict[str, Value] = {"emailaddress1": "office@adatum.example", "name": "Adatum"}
        return self.dv.edit("account", row | {"statecode": 0, "customertypecode": 3} | values).id

    def differences(self) -> list[Difference]:
        """What the verdict finds."""
        tables = compare(self.mappings, {BC: self.bc, DV: self.dv})
        return [difference for table in tables for difference in table.differences]


@pytest.fixture
def world(tmp_path: Path) -> World:
    write_mappings(tmp_path / "mappings.yaml")
    return World(mapping_file.load([tmp_path / "mappings.yaml"], Features(team=TEAM)).mappings)


def test_equal_rows_agree(world: World) -> None:
    assert world.differences() == []


def test_a_column_that_differs_is_named(world: World) -> None:
    world.bc.edit("customers", {"city": "Oslo"}, row_id=world.customer)
    assert world.differences() == [Difference("CUSTOMER", "office@adatum.example", "city", "Oslo", None)]


def test_what_one_side_cuts_off_is_no_difference(world: World) -> None:
    long = "A" * 30 + "B"
    world.bc.edit("customers", {"city": long[:30]}, row_id=world.customer)
    world.dv.edit("account", {"address1_city": long}, row_id=world.account)
    assert world.differences() == []


def test_a_reference_to_another_record_differs(world: World) -> None:
    pound = {"isocurrencycode": "GBP", "currencyname": "Pound", "currencysymbol": "£"}
    other = world.dv.edit("transactioncurrency", pound).id
    world.dv.edit("account", {"transactioncurrencyid": other}, row_id=world.account)
    assert world.differences() == [Difference("CUSTOMER", "office@adatum.example", "currencyCode", "nok", "gbp")]


def test_the_local_currency_needs_no_row_in_business_central(world: World) -> None:
    euro = world.dv.edit("transactioncurrency", {"isocurrencycode": "EUR", "currencyname": "Euro"}).id
    world.bc.edit("customers", {"currencyCode": "EUR"}, row_id=world.customer)
    world.dv.edit("account", {"transactioncurrencyid": euro}, row_id=world.account)
    assert world.differences() == []


def test_a_row_that_one_side_lacks_is_a_difference(world: World) -> None:
    world.in_business_central(email="new@adatum.example")
    assert world.differences() == [Difference("CUSTOMER", "new@adatum.example", None, "a row", "no row")]


def test_a_row_that_one_side_has_twice_is_a_difference(world: World) -> None:
    world.in_dataverse()
    assert world.differences() == [Difference("CUSTOMER", "office@adatum.example", None, "a row", "2 rows")]


def test_a_row_that_the_mapping_does_not_admit_is_not_missed(world: World) -> None:
    world.in_business_central(email="blocked@adatum.example", blocked="All")
    assert world.differences() == []


def test_a_one_way_mapping_does_not_miss_rows_of_the_receiving_side(world: World) -> None:
    world.dv.edit("transactioncurrency", {"isocurrencycode": "SEK", "currencyname": "Krona"})
    assert world.differences() == []
    world.bc.edit("currencies", {"code": "DKK", "displayName": "Krone"})
    assert world.differences() == [Difference("CURRENCY", "dkk", None, "a row", "no row")]
