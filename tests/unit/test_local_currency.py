"""The local currency: coupled once, created where missing, left alone where Business Central has a row for it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import Engine

from engine.ledger.couplings import Coupling
from engine.local_currency import LocalCurrency, local_currency_code
from engine.references import ZERO_ID
from schemas.errors import Retry, Skip
from schemas.features import Features
from schemas.mapping_file import load
from schemas.outcomes import Outcome
from schemas.row import Row, Table, Value
from tests.support.world import BC, DV, RuledSystem, World

MAPPINGS = load([Path(str(files("tests.support") / "mappings.yaml"))], Features()).mappings


@pytest.fixture
def world(database: Engine) -> World:
    return World(MAPPINGS, database)


def couple(world: World, code: str | None = "EUR") -> Coupling | None:
    currency = LocalCurrency(code, world.plans, world.systems, world.database, clock=world.now, new_id=world.new_id)
    return currency.couple()


def test_the_currency_that_dataverse_has_is_coupled(world: World) -> None:
    euro = world.edit(DV, "transactioncurrency", {"isocurrencycode": "EUR", "currencyname": "Euro"})

    coupling = couple(world)

    assert coupling is not None
    assert (coupling.bc_id, coupling.bc_key, coupling.dv_id) == (ZERO_ID, "EUR", euro)
    assert [one.dv_id for one in world.couplings("CURRENCY")] == [euro]


def test_a_currency_that_dataverse_lacks_is_created_with_its_code_for_a_name(world: World) -> None:
    coupling = couple(world)

    assert coupling is not None
    assert world.row(DV, "transactioncurrency", coupling.dv_id) == {
        "isocurrencycode": "EUR",
        "currencyname": "EUR",
        "currencysymbol": "EUR",
        "currencyprecision": 2,
        "exchangerate": 1,
    }


def test_the_standard_mapping_gives_a_new_currency_two_decimals(database: Engine) -> None:
    world = World(load(["standard"], Features(team=ZERO_ID)).mappings, database)

    coupling = couple(world)

    assert coupling is not None
    row = world.row(DV, "transactioncurrency", coupling.dv_id)
    assert (row["isocurrencycode"], row["currencyprecision"], row["exchangerate"]) == ("EUR", 2, 1)


def test_coupling_twice_changes_nothing(world: World) -> None:
    first = couple(world)
    again = couple(world)

    assert first is not None
    assert again is not None
    assert again.dv_id == first.dv_id
    assert len(world.couplings("CURRENCY")) == len(world.rows(DV, "transactioncurrency")) == 1


def test_a_row_of_business_central_for_the_code_is_coupled_as_any_other(world: World) -> None:
    world.edit(BC, "currencies", {"code": "EUR"})

    assert couple(world) is None
    assert world.couplings("CURRENCY") == []


class Meeting(RuledSystem):
    """Lets two readers see that nothing is there before either goes on."""

    both = Barrier(2)

    def find(self, table: Table, criteria: Sequence[Mapping[str, Value]]) -> list[list[Row]]:
        found = super().find(table, criteria)
        self.both.wait(10)
        return found


def test_two_workers_at_once_make_one_currency_and_one_coupling(world: World) -> None:
    meeting = Meeting(DV)
    meeting.rules = {}
    world.systems[DV] = world.dv = meeting
    with ThreadPoolExecutor(2) as threads:
        made = [future.result(30) for future in [threads.submit(couple, world) for _ in range(2)]]

    assert made[0] is not None
    assert made[1] is not None
    assert made[0].dv_id == made[1].dv_id
    assert len(world.couplings("CURRENCY")) == len(world.rows(DV, "transactioncurrency")) == 1


def test_another_code_in_the_settings_takes_the_place_of_the_first(world: World) -> None:
    couple(world, "EUR")
    couple(world, "USD")

    assert [one.bc_key for one in world.couplings("CURRENCY")] == ["USD"]


def test_several_currencies_of_the_code_are_not_guessed_between(world: World) -> None:
    for _ in range(2):
        world.edit(DV, "transactioncurrency", {"isocurrencycode": "EUR"})

    with pytest.raises(Skip, match="several currencies EUR"):
        couple(world)


def test_a_currency_coupled_to_another_row_is_reported(world: World) -> None:
    world.edit(BC, "currencies", {"code": "EUR"}, "11111111-1111-1111-1111-111111111111")
    world.settle()
    world.remove(BC, "currencies", "11111111-1111-1111-1111-111111111111")

    with pytest.raises(Skip, match="coupled to another row"):
        couple(world)


def test_the_code_is_read_from_the_company_where_the_settings_have_none(world: World) -> None:
    world.edit(BC, "companyInformation", {"currencyCode": "nok"})

    coupling = couple(world, None)

    assert coupling is not None
    assert coupling.bc_key == "NOK"


def test_without_a_code_nothing_is_coupled(world: World) -> None:
    assert local_currency_code(world.bc) is None
    assert couple(world, None) is None


def test_trouble_of_dataverse_is_the_callers_to_retry(world: World) -> None:
    world.dv.fault = lambda *_: Retry("away")

    with pytest.raises(Retry):
        couple(world)
    assert world.couplings("CURRENCY") == []


def test_records_written_without_the_local_currency_get_it_once_it_is_coupled(world: World) -> None:
    customer = world.edit(BC, "customers", {"displayName": "Adatum", "currencyCode": "EUR"})
    world.settle()
    (account,) = world.rows(DV, "account").values()
    assert account.values["transactioncurrencyid"] is None

    coupling = couple(world)
    world.redeliver_outbox()
    world.settle()

    assert coupling is not None
    assert world.row(DV, "account", account.id)["transactioncurrencyid"] == coupling.dv_id
    assert world.open_operations() == []
    assert world.row(BC, "customers", customer)["currencyCode"] == "EUR"


def test_edits_of_the_local_currency_in_dataverse_are_left_alone(world: World) -> None:
    coupling = couple(world)
    assert coupling is not None
    world.edit(DV, "transactioncurrency", {"currencyname": "Euro"}, coupling.dv_id)

    world.settle()

    assert world.open_operations() == []
    assert world.outcomes[Outcome.IGNORED] > 0
    assert world.row(DV, "transactioncurrency", coupling.dv_id)["currencyname"] == "Euro"
