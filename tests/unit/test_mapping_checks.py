"""What must hold within a mapping, between mappings, and against the systems' descriptions."""

from typing import Any

import pytest

from schemas.faults import Finding
from schemas.mapping import Derive, Mapping, Mappings
from schemas.mapping_checks import check
from schemas.mapping_warnings import warn
from schemas.metadata_checks import check_against_metadata
from schemas.system import System

LOOKUP = {"column": "ownerid", "target_set": "teams"}


def mapping(name: str = "PROJECT", *columns: object, **others: Any) -> Mapping:
    """A sound mapping with these columns, or with one plain column."""
    sides: dict[str, Any] = {
        "business_central": {"table": f"my{name.lower()}s"},
        "dataverse": {"table": f"new_{name.lower()}", "set": f"new_{name.lower()}s", "key": "id"},
    }
    for side in sides:
        sides[side] |= others.pop(side, {})
    return Mapping.model_validate({"name": name, "columns": columns or ("number <-> new_number",), **sides, **others})


def found(*mappings: Mapping) -> list[Finding]:
    return check(Mappings(mappings=mappings))


def test_a_sound_mapping_has_no_findings() -> None:
    area = mapping("AREA", business_central={"referenced_by": "code"})
    project = mapping("PROJECT", "number <-> new_number", {"pair": "a <-> b", "reference": {"to": "AREA", "by": "key"}})
    assert found(area, project) == []


@pytest.mark.parametrize(
    ("column", "path", "problem"),
    [
        ({"constant": 1}, (), "names no column"),
        ({"dataverse": "b", "direction": "to_dataverse"}, (), "has no source"),
        ({"dataverse": "b", "constant": 1}, (), "a constant goes one way"),
        ({"business_central": "a", "constant": 1, "direction": "to_dataverse"}, (), "a constant goes one way"),
        (
            {"pair": "a -> b", "constant": 1},
            ("constant",),
            "is only for a column that the source has no counterpart of",
        ),
        (
            {"dataverse": "b", "constant": 1, "derive": {"length": 9}, "direction": "to_dataverse"},
            (),
            "has both constant and derive",
        ),
        ({"dataverse": "b", "derive": {"length": 9}, "direction": "to_dataverse"}, ("derive",), "is for new rows only"),
        (
            {
                "dataverse": "b",
                "derive": {"prefix": "ABCDE", "length": 9},
                "direction": "to_dataverse",
                "when": "create",
            },
            ("derive",),
            "leaves fewer than 6 characters behind the prefix, and codes would collide",
        ),
        ({"pair": "a <-> b", "values": {"A": 1}}, ("values",), "are for a choice"),
        (
            {"pair": "a <-> b", "type": "choice", "values": {"A": 1, "B": 1}},
            ("values",),
            "Dataverse's 1 stands for several options of Business Central",
        ),
        (
            {"pair": "a -> b", "type": "choice", "values": {"A": 1, "a": 2}},
            ("values",),
            "Business Central's 'a' is there in several spellings",
        ),
        (
            {"pair": "a <-> b", "type": "integer", "length": {"business_central": 5, "dataverse": 5}},
            ("length",),
            "only text and codes are cut to a length",
        ),
        (
            {"pair": "a <-> b", "type": "code", "reference": "AREA"},
            ("reference",),
            "a reference has neither type nor values",
        ),
        (
            {"dataverse": "b", "constant": 1, "direction": "to_dataverse", "reference": "AREA"},
            ("reference",),
            "a reference needs a column on both sides",
        ),
        (
            {"pair": "a <-> b", "not_null": True, "reference": {"to": "AREA", "missing": "clear"}},
            ("not_null",),
            "never blanks the column, and missing: clear does",
        ),
        ({"pair": "a <-> b", "reference": "NOWHERE"}, ("reference",), "refers to 'NOWHERE', which is no mapping"),
        (
            {"pair": "a <-> b", "reference": {"to": "AREA", "by": "key"}},
            ("reference",),
            "refers by key to AREA, which names no key column",
        ),
        (
            {"pair": "a <-> b", "reference": ["AREA", "REGION"]},
            ("reference",),
            "refers to rows of new_areas and new_regions, and one lookup column is bound to one table",
        ),
        (
            {"dataverse": {"column": "ownerid"}, "constant": "x", "direction": "to_dataverse"},
            ("dataverse",),
            "does not say which table the row that it is bound to is in",
        ),
        ({"pair": "lines[type=Item]/number <-> b"}, (), "a related row's column is only read"),
        ({"pair": "a <-> new_number"}, (), "is a second column that writes 'new_number' in Dataverse"),
        ({"pair": "number <- b"}, (), "is a second column that writes 'number' in Business Central"),
    ],
)
def test_a_fault_of_a_column_is_found(column: dict[str, Any], path: tuple[str, ...], problem: str) -> None:
    project = mapping("PROJECT", "number <-> new_number", column)
    (finding,) = found(mapping("AREA"), mapping("REGION"), project)
    assert (finding.mapping, finding.path) == ("PROJECT", ("columns", 1, *path))
    assert finding.problem == problem


@pytest.mark.parametrize(
    "column",
    [
        {"dataverse": LOOKUP, "constant": "x", "direction": "to_dataverse"},
        {"business_central": "code", "derive": {"length": 9}, "direction": "from_dataverse", "when": "create"},
        {"pair": "a -> b", "type": "choice", "values": {"A": 1, "B": 1}},
        {"pair": "a <- b", "type": "choice", "values": {"A": 1, "a": 2}},
        {"pair": "lines[type=Item]/number -> b"},
        {"pair": "number -> b"},
    ],
)
def test_one_way_columns_need_only_hold_one_way(column: dict[str, Any]) -> None:
    assert found(mapping("PROJECT", "number <-> new_number", column)) == []


def test_a_column_against_the_mappings_direction_is_found() -> None:
    (finding,) = found(mapping("PROJECT", "a -> b", "c <- d", direction="to_dataverse"))
    assert finding.path == ("columns", 1)
    assert finding.problem == "goes from_dataverse, but its mapping only to_dataverse"


def test_a_two_way_column_fits_a_one_way_mapping() -> None:
    assert found(mapping("PROJECT", "a <-> b", {"dataverse": "c", "constant": 1}, direction="to_dataverse")) == []


def test_a_mapping_without_columns_is_found() -> None:
    empty = mapping().model_copy(update={"columns": ()})
    assert [finding.path for finding in found(empty)] == [("columns",)]


def test_a_record_that_waits_for_its_own_kind_is_a_cycle() -> None:
    (finding,) = found(mapping("PROJECT", {"pair": "parent <-> parentid", "reference": "PROJECT"}))
    assert "PROJECT -> PROJECT" in finding.problem
    assert finding.instead == "give one of them missing: defer"


def test_a_cycle_is_spelled_out_from_its_first_mapping_in_the_file() -> None:
    customer = mapping("CUSTOMER", "a <-> b", {"pair": "c <-> d", "reference": "CONTACT"})
    contact = mapping("CONTACT", {"pair": "e <-> f", "reference": "CUSTOMER"})
    (finding,) = found(customer, contact)
    assert finding.problem.endswith("CUSTOMER -> CONTACT -> CUSTOMER")
    assert (finding.mapping, finding.path) == ("CUSTOMER", ("columns", 1, "reference"))


def test_every_cycle_is_found() -> None:
    to_a, to_b, to_c, to_d = ({"pair": f"to{name} <-> {name}id", "reference": name} for name in "ABCD")
    findings = found(mapping("A", to_b), mapping("B", to_a), mapping("C", to_a, to_d), mapping("D", to_c))
    assert [finding.problem.partition(": ")[2] for finding in findings] == ["A -> B -> A", "C -> D -> C"]


@pytest.mark.parametrize("missing", ["defer", "clear", "keep", "fail"])
def test_references_that_do_not_wait_may_form_a_cycle(missing: str) -> None:
    customer = mapping("CUSTOMER", {"pair": "c <-> d", "reference": {"to": "CONTACT", "missing": missing}})
    contact = mapping("CONTACT", {"pair": "e <-> f", "reference": "CUSTOMER"})
    assert found(customer, contact) == []


@pytest.mark.parametrize(
    ("criterion", "problem"),
    [
        ("nmber", "matches by 'nmber', which is no column of this mapping"),
        ("fixed", "matches by 'fixed', which only one side has"),
        ("area", "matches by 'area', whose values differ between the sides"),
    ],
)
def test_matching_needs_columns_that_compare(criterion: str, problem: str) -> None:
    columns = (
        "number <-> new_number",
        {"dataverse": "fixed", "constant": 1, "direction": "to_dataverse"},
        {"pair": "area <-> areaid", "reference": "AREA"},
    )
    (finding,) = found(mapping("AREA"), mapping("PROJECT", *columns, match=["number", criterion]))
    assert (finding.path, finding.problem) == (("match", 1), problem)


def test_an_option_mapping_goes_one_way_and_has_only_labels() -> None:
    terms = mapping(
        "TERMS", "code <-> label", "name <-> name", dataverse={"choice": "termscode", "filter": {"statecode": 0}}
    )
    assert [finding.path for finding in found(terms)] == [("direction",), ("dataverse", "filter"), ("columns", 1)]
    assert found(mapping("TERMS", "code -> label", direction="to_dataverse", dataverse={"choice": "termscode"})) == []


@pytest.mark.parametrize(
    ("direction", "sides"),
    [
        ("to_dataverse", ["dataverse"]),
        ("from_dataverse", ["business_central"]),
        ("bidirectional", ["dataverse", "business_central"]),
    ],
)
def test_deactivating_needs_to_be_described_where_rows_survive(direction: str, sides: list[str]) -> None:
    bare = mapping(direction=direction, deletion_conflict="deactivate")
    assert [finding.path for finding in found(bare)] == [(side,) for side in sides]
    described: dict[str, Any] = {side: {"deactivate": {"blocked": True}} for side in sides}
    assert found(mapping(direction=direction, deletion_conflict="deactivate", **described)) == []


def test_a_mapping_writes_what_a_new_row_cannot_do_without() -> None:
    customers = {"business_central": {"table": "customers"}}
    (finding,) = found(mapping("CUSTOMER", "email <-> emailaddress1", **customers))
    assert finding.problem == "Business Central creates no row of customers without displayName"
    assert found(mapping("CUSTOMER", "displayName <-> name", **customers)) == []
    assert found(mapping("CUSTOMER", "email -> emailaddress1", direction="to_dataverse", **customers)) == []


def test_derived_texts_are_stable_distinct_and_as_long_as_asked() -> None:
    derive = Derive(prefix="SP", length=10)
    texts = {derive.text(f"00000000-0000-0000-0000-{number:012}") for number in range(200)}
    assert len(texts) == 200
    assert all(len(text) == 10 and text.startswith("SP") and text == text.upper() and text.isalnum() for text in texts)
    assert derive.text("AB-CD") == derive.text("ab-cd")


def warnings(*mappings: Mapping) -> list[str]:
    assert found(*mappings) == []
    return [finding.problem for finding in warn(Mappings(mappings=mappings))]


def test_creating_on_both_sides_without_matching_is_warned_of() -> None:
    assert "created a second time" in warnings(mapping(only_coupled=False))[0]
    assert warnings(mapping(only_coupled=False, match=["number"])) == []
    assert warnings(mapping(only_coupled=False, direction="to_dataverse")) == []


def test_removing_couplings_while_creating_rows_is_warned_of() -> None:
    creating: dict[str, Any] = {"only_coupled": False, "match": ["number"]}
    assert len(warnings(mapping(deletion_conflict="remove_coupling", **creating))) == 1
    assert warnings(mapping(deletion_conflict="remove_coupling")) == []


def test_a_conflict_policy_that_never_decides_is_warned_of() -> None:
    assert len(warnings(mapping("PROJECT", {"pair": "a -> b", "conflict": "latest"}))) == 1
    assert warnings(mapping("PROJECT", {"pair": "a <-> b", "conflict": "latest"})) == []


@pytest.mark.parametrize(
    ("first", "second", "apart"),
    [
        ({}, {}, False),
        ({"kind": 1}, {}, False),
        ({"kind": 1}, {"kind": 2}, True),
        ({"kind": [1, 2]}, {"kind": [2, 3]}, False),
        ({"kind": 1}, {"kind": {"not": 1}}, True),
        ({"kind": {"not": [1, 2]}}, {"kind": 1}, True),
        ({"kind": {"not": 2}}, {"kind": [1, 2]}, False),
        ({"kind": {"not": 2}}, {"kind": {"not": 1}}, False),
    ],
)
def test_two_mappings_of_one_table_are_warned_of_unless_filters_tell_them_apart(
    first: dict[str, Any], second: dict[str, Any], apart: bool
) -> None:
    accounts = {"table": "account", "set": "accounts"}
    told = warnings(
        mapping("ONE", dataverse=accounts | {"filter": first}), mapping("TWO", dataverse=accounts | {"filter": second})
    )
    assert (told == []) is apart


def test_columns_that_a_table_does_not_have_are_found() -> None:
    project = mapping(
        "PROJECT",
        "number <-> new_nmber",
        {"dataverse": LOOKUP, "constant": "x", "direction": "to_dataverse"},
        "lines[type=Item]/number -> new_item",
        business_central={"filter": {"blockd": None}, "referenced_by": "code"},
        dataverse={
            "key": "new_projectid",
            "filter": {"parentidtype": "account", "_parentid_value": {"not": None}},
            "deactivate": {"statecod": 1},
        },
    )
    known = {
        System.BUSINESS_CENTRAL: {"id", "number", "blocked", "code", "lines[type=Item]/number"},
        System.DATAVERSE: {
            "new_projectid",
            "new_number",
            "ownerid",
            "parentid",
            "parentidtype",
            "new_item",
            "statecode",
        },
    }
    findings = check_against_metadata(Mappings(mappings=(project,)), lambda _, system: frozenset(known[system]))
    assert [(finding.path, finding.problem, finding.instead) for finding in findings] == [
        (("business_central", "filter", "blockd"), "myprojects has no column 'blockd'", "did you mean 'blocked'?"),
        (("dataverse", "deactivate", "statecod"), "new_project has no column 'statecod'", "did you mean 'statecode'?"),
        (("columns", 0), "new_project has no column 'new_nmber'", "did you mean 'new_number'?"),
    ]


def test_a_table_whose_columns_are_not_known_is_not_checked() -> None:
    assert check_against_metadata(Mappings(mappings=(mapping(),)), lambda *_: None) == []
