"""References under the one name that both sides share: the Dataverse id of the coupled record."""

from typing import Any

import pytest

from engine.ledger.couplings import Coupled
from engine.plan import Plan, PlannedColumn
from engine.references import ZERO_ID, References, is_uncoupled, wanted, wanted_by
from schemas.errors import Skip
from schemas.mapping import Mapping, Mappings
from schemas.row import Row, Value
from schemas.system import System
from tests.support.world import BC, DV


def mapping(name: str, *columns: Any, **business_central: Any) -> Mapping:
    return Mapping.model_validate(
        {
            "name": name,
            "business_central": {"table": f"{name.lower()}s", **business_central},
            "dataverse": {"table": name.lower(), "set": f"{name.lower()}s", "key": "id"},
            "columns": columns or ["name <-> name"],
        }
    )


CHILD = mapping(
    "CHILD",
    {"pair": "companyNumber <-> parentid", "reference": {"to": ["A", "B"], "by": "key"}},
    {"pair": "friendId <-> friendid", "reference": {"to": ["A"], "by": "id"}},
    {"pair": "size <-> size", "type": "integer"},
    {"dataverse": "kind", "constant": 7, "type": "integer", "direction": "to_dataverse"},
)
ALL = Mappings(mappings=(mapping("A", referenced_by="number"), mapping("B", referenced_by="number"), CHILD))
PLAN = Plan(CHILD, ALL, 2)
COMPANY, FRIEND = PLAN.by_name["companyNumber"], PLAN.by_name["friendId"]


def row(**values: Value) -> Row:
    return Row("r", "1", None, values)


def knowing(*coupled: Coupled) -> References:
    references = References()
    references.add(coupled)
    return references


ANN = Coupled("A", bc_id="bc-1", bc_key="K1", dv_id="dv-1")


@pytest.mark.parametrize(
    ("column", "system", "value", "by", "asked"),
    [
        (COMPANY, BC, " k1 ", "bc_key", "K1"),
        (COMPANY, DV, "DV-1", "dv_id", "dv-1"),
        (FRIEND, BC, "BC-1", "bc_id", "bc-1"),
        (FRIEND, DV, "dv-1", "dv_id", "dv-1"),
    ],
)
def test_a_reference_asks_for_its_record_by_the_name_that_its_side_uses(
    column: PlannedColumn, system: System, value: str, by: str, asked: str
) -> None:
    want = wanted(column, system, value)
    assert want is not None
    assert (want.by, want.value) == (by, asked)


@pytest.mark.parametrize("column", [COMPANY, FRIEND])
@pytest.mark.parametrize("value", [None, "", ZERO_ID])
def test_a_blank_refers_to_nothing(column: PlannedColumn, value: Value) -> None:
    assert wanted(column, BC, value) is None


def test_a_key_of_blanks_refers_to_nothing() -> None:
    assert wanted(COMPANY, BC, "  ") is None


def test_a_batch_asks_few_questions() -> None:
    rows = [row(companyNumber="K1", friendId="bc-1"), row(companyNumber="K2", friendId="bc-1"), row(companyNumber="")]
    asked = {(want.mappings, want.by): want.values for want in wanted_by(PLAN, BC, rows)}
    assert asked == {(("A", "B"), "bc_key"): {"K1", "K2"}, (("A",), "bc_id"): {"bc-1"}}


def test_both_sides_of_a_pair_have_the_same_canonical_values() -> None:
    references = knowing(ANN)
    here = references.canonical(PLAN, BC, row(companyNumber="k1", friendId="bc-1", size=3))
    there = references.canonical(PLAN, DV, row(parentid="dv-1", friendid="dv-1", size=3, kind=7))
    assert here == there == {"companyNumber": "dv-1", "friendId": "dv-1", "size": 3, "kind": 7}


def test_an_uncoupled_record_stays_recognisable_and_equals_nothing_else() -> None:
    here = knowing().canonical(PLAN, BC, row(companyNumber="K1", friendId="", size=0))
    there = knowing().canonical(PLAN, DV, row(parentid="k1", friendid=None, size=None, kind=7))
    assert is_uncoupled(here["companyNumber"])
    assert here["companyNumber"] != there["companyNumber"]
    assert here["friendId"] is None


def test_of_several_mappings_the_first_that_couples_the_record_counts() -> None:
    other = Coupled("B", bc_id="bc-9", bc_key="K1", dv_id="dv-9")
    values = knowing(other, ANN).canonical(PLAN, BC, row(companyNumber="K1", friendId="", size=0))
    assert values["companyNumber"] == "dv-1"


@pytest.mark.parametrize(
    ("column", "system", "value", "written"),
    [
        (COMPANY, BC, "dv-1", "K1"),
        (COMPANY, DV, "dv-1", "dv-1"),
        (FRIEND, BC, "dv-1", "bc-1"),
        (COMPANY, BC, None, ""),
        (FRIEND, BC, None, ZERO_ID),
        (COMPANY, DV, None, None),
    ],
)
def test_each_system_gets_the_form_that_it_takes(
    column: PlannedColumn, system: System, value: Value, written: Value
) -> None:
    assert knowing(ANN).written(PLAN, column, system, value) == written


def test_a_record_without_a_key_cannot_be_named_by_it_and_the_error_says_which() -> None:
    nameless = Coupled("A", bc_id="bc-1", bc_key=None, dv_id="dv-1")
    with pytest.raises(Skip, match="A row bc-1 has no key"):
        knowing(nameless).written(PLAN, COMPANY, BC, "dv-1")


def test_a_value_that_does_not_fit_names_its_column() -> None:
    with pytest.raises(Skip, match="column size: 'big' is not a number"):
        knowing().canonical(PLAN, BC, row(companyNumber="", friendId="", size="big"))
