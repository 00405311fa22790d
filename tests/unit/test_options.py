"""Options of a choice column: codes of Business Central that become labels, and references that are numbers."""

from collections.abc import Iterator

import pytest

from schemas.errors import OutcomeUnknown
from schemas.mapping import Column, Mapping, Mappings
from systems.in_process import Moment
from systems.interface import Create
from tests.support.hooks import at_first, failing
from tests.support.world import BC, DV, World
from tests.support.worlds import MAPPINGS, changed, counterpart, customer_pair, new_world

OPTIONS = "account.paymenttermscode"

TERMS = Mapping.model_validate(
    {
        "name": "TERMS",
        "direction": "to_dataverse",
        "only_coupled": False,
        "business_central": {"table": "paymentTerms", "referenced_by": "code"},
        "dataverse": {"table": "account", "set": "accounts", "key": "value", "choice": "paymenttermscode"},
        "match": ["code"],
        "columns": [{"pair": "code -> label", "type": "code"}],
    }
)

REFERENCE = Column.model_validate(
    {"pair": "paymentTerms <-> paymenttermscode", "reference": {"to": ["TERMS"], "by": "key"}}
)


def mappings() -> Mappings:
    with_terms = changed(CUSTOMER={"columns": (*MAPPINGS["CUSTOMER"].columns, REFERENCE)})
    return Mappings(mappings=(TERMS, *with_terms.mappings))


@pytest.fixture
def world() -> Iterator[World]:
    """A world in which customers have payment terms, and options are numbered by Dataverse."""
    with new_world(mappings()) as made:
        numbers = iter(range(100, 200))
        made.dv._new_id = lambda: str(next(numbers))
        yield made


def test_a_code_becomes_an_option_and_references_to_it_become_its_number(world: World) -> None:
    terms = world.edit(BC, "paymentTerms", {"code": "30 DAYS"})
    customer = world.edit(BC, "customers", {"displayName": "Adatum", "paymentTerms": "30 DAYS"})
    world.settle()
    option = counterpart(world, "TERMS", terms)
    assert world.row(DV, OPTIONS, option)["label"] == "30 DAYS"
    assert world.row(DV, "account", counterpart(world, "CUSTOMER", customer))["paymenttermscode"] == int(option)


def test_an_option_that_is_there_is_matched_by_its_label(world: World) -> None:
    there = world.dv.edit(OPTIONS, {"label": "30 days"}, row_id="2", user="a person").id
    world.pending.clear()
    terms = world.edit(BC, "paymentTerms", {"code": "30 DAYS"})
    world.settle()
    assert counterpart(world, "TERMS", terms) == there
    assert len(world.rows(DV, OPTIONS)) == 1


def test_a_number_becomes_its_code(world: World) -> None:
    terms = world.edit(BC, "paymentTerms", {"code": "30 DAYS"})
    customer, account = customer_pair(world)
    world.edit(DV, "account", {"paymenttermscode": int(counterpart(world, "TERMS", terms))}, account)
    world.settle()
    assert world.row(BC, "customers", customer)["paymentTerms"] == "30 DAYS"


def test_an_option_that_nobody_knows_is_left_out(world: World) -> None:
    customer, account = customer_pair(world)
    world.edit(DV, "account", {"paymenttermscode": 77, "telephone1": "55"}, account)
    world.settle()
    row = world.row(BC, "customers", customer)
    assert (row["phoneNumber"], row["paymentTerms"]) == ("55", None)


def test_a_lost_answer_to_a_new_option_leaves_one_option(world: World) -> None:
    at_first(world, failing(OutcomeUnknown("lost")), system=DV, call=Create, moment=Moment.AFTER)
    terms = world.edit(BC, "paymentTerms", {"code": "30 DAYS"})
    world.settle()
    assert list(world.rows(DV, OPTIONS)) == [counterpart(world, "TERMS", terms)]


def test_a_renamed_code_renames_the_option(world: World) -> None:
    terms = world.edit(BC, "paymentTerms", {"code": "30 DAYS"})
    customer = world.edit(BC, "customers", {"displayName": "Adatum", "paymentTerms": "30 DAYS"})
    world.settle()
    world.edit(BC, "paymentTerms", {"code": "1 MONTH"}, terms)
    world.edit(BC, "customers", {"paymentTerms": "1 MONTH"}, customer)
    world.settle()
    option = counterpart(world, "TERMS", terms)
    assert world.row(DV, OPTIONS, option)["label"] == "1 MONTH"
    assert world.row(DV, "account", counterpart(world, "CUSTOMER", customer))["paymenttermscode"] == int(option)
    assert world.open_operations() == []
