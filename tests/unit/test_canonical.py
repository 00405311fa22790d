"""Values of both systems in one form: equal means equal, and nothing is lost on the way."""

from decimal import Decimal
from typing import Any

import pytest

from engine.canonical import canonical_reader, canonical_writer, decode_option
from schemas.errors import Skip
from schemas.mapping import Column, ColumnType, Lengths
from schemas.row import Value
from tests.support.world import BC, DV

OPTIONS: dict[str, int | str] = {"": 0, "Not Started": 1, "In_x0020_Progress": 2}


def column(kind: ColumnType, **more: Any) -> Column:
    return Column(business_central="a", dataverse="b", type=kind, **more)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ColumnType.TEXT, None),
        (ColumnType.TEXT, ""),
        (ColumnType.TEXT, "   "),
        (ColumnType.CODE, " "),
        (ColumnType.INTEGER, 0),
        (ColumnType.DECIMAL, Decimal("0.00")),
        (ColumnType.DECIMAL, ""),
        (ColumnType.BOOLEAN, False),
        (ColumnType.BOOLEAN, "false"),
        (ColumnType.DATE, "0001-01-01"),
        (ColumnType.DATETIME, "0001-01-01T00:00:00Z"),
        (ColumnType.CHOICE, "_x0020_"),
        (ColumnType.CHOICE, " "),
        (ColumnType.CHOICE, ""),
    ],
)
def test_every_form_of_blank_is_one_value(kind: ColumnType, value: Value) -> None:
    assert canonical_reader(column(kind), BC)(value) is None
    assert canonical_reader(column(kind), DV)(value) is None


@pytest.mark.parametrize(
    ("kind", "value", "canonical"),
    [
        (ColumnType.TEXT, "Adatum  ", "Adatum"),
        (ColumnType.TEXT, "  Adatum", "  Adatum"),
        (ColumnType.CODE, " eur ", "EUR"),
        (ColumnType.INTEGER, Decimal("12.0"), 12),
        (ColumnType.INTEGER, "12", 12),
        (ColumnType.BOOLEAN, "True", True),
        (ColumnType.DATE, "2026-02-28T00:00:00Z", "2026-02-28"),
        (ColumnType.DATETIME, "2026-02-28T01:30:00+02:00", "2026-02-27T23:30:00Z"),
        (ColumnType.DATETIME, "2026-02-28T01:30:00.987", "2026-02-28T01:30:00Z"),
        (ColumnType.CHOICE, "Non_x002D_Inventory", "Non-Inventory"),
    ],
)
def test_what_the_systems_write_differently_reads_the_same(kind: ColumnType, value: Value, canonical: Value) -> None:
    assert canonical_reader(column(kind), BC)(value) == canonical


def test_decimals_keep_their_digits_and_compare_by_value() -> None:
    read = canonical_reader(column(ColumnType.DECIMAL), DV)
    assert str(read(Decimal("12345678901234567.8900"))) == "12345678901234567.8900"
    assert read(Decimal("1.50")) == read("1.5")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (ColumnType.DECIMAL, "a lot"),
        (ColumnType.DECIMAL, "NaN"),
        (ColumnType.DECIMAL, "Infinity"),
        (ColumnType.DECIMAL, True),
        (ColumnType.INTEGER, "1.5"),
        (ColumnType.DATE, "yesterday"),
        (ColumnType.DATETIME, "2026-13-01T00:00:00Z"),
        (ColumnType.DATETIME, "9999-12-31T23:59:59-05:00"),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_refused(kind: ColumnType, value: Value) -> None:
    with pytest.raises(Skip, match="is not a"):
        canonical_reader(column(kind), BC)(value)


def test_the_shorter_column_cuts_the_text_on_both_sides_without_leaving_a_blank_at_its_end() -> None:
    lengths = Lengths(business_central=5, dataverse=40)
    for system in (BC, DV):
        read = canonical_reader(column(ColumnType.TEXT, length=lengths), system)
        assert read("Adatum Corporation") == "Adatu"
        assert read("Adat um") == "Adat"
        assert read("     Adatum") is None


def test_a_character_of_two_code_units_counts_twice_and_is_never_cut_in_half() -> None:
    """Both systems count UTF-16 code units."""
    read = canonical_reader(column(ColumnType.TEXT, length=Lengths(business_central=5, dataverse=40)), DV)
    assert read("Ada🧀") == "Ada🧀"
    assert read("Adat🧀") == "Adat"
    assert read("🧀🧀🧀") == "🧀🧀"
    assert read("Ångström") == "Ångst"


def test_options_of_both_sides_meet_under_the_decoded_name() -> None:
    paired = column(ColumnType.CHOICE, values=OPTIONS)
    assert canonical_reader(paired, BC)("In_x0020_Progress") == canonical_reader(paired, DV)(2) == "In Progress"
    assert canonical_writer(paired, DV)("In Progress") == 2
    assert canonical_writer(paired, BC)("In Progress") == "In Progress"


def test_the_option_for_blank_is_a_blank() -> None:
    paired = column(ColumnType.CHOICE, values=OPTIONS)
    assert canonical_reader(paired, DV)(0) is None
    assert canonical_writer(paired, DV)(None) == 0
    assert canonical_writer(paired, BC)(None) == ""


def test_options_with_one_counterpart_are_one_value_and_never_written_back_and_forth() -> None:
    several = column(ColumnType.CHOICE, values={"": 2, "0:0": 0, "0:2": 2, "2:2": 2})
    in_business_central, in_dataverse = canonical_reader(several, BC), canonical_reader(several, DV)
    assert in_business_central("2:2") == in_business_central("0:2") == in_business_central("") == in_dataverse(2)
    assert canonical_writer(several, DV)(in_business_central("2:2")) == 2


@pytest.mark.parametrize(("system", "other", "value"), [(DV, BC, 7), (BC, DV, "Cancelled")])
def test_an_option_without_counterpart_is_refused_not_written_as_it_is(system: Any, other: Any, value: Value) -> None:
    paired = column(ColumnType.CHOICE, values=OPTIONS)
    canonical = canonical_reader(paired, system)(value)
    assert canonical is not None
    with pytest.raises(Skip, match=f"option '{value}' has no counterpart"):
        canonical_writer(paired, other)(canonical)


@pytest.mark.parametrize(
    ("kind", "blank"),
    [
        (ColumnType.TEXT, ""),
        (ColumnType.DECIMAL, 0),
        (ColumnType.BOOLEAN, False),
        (ColumnType.DATE, "0001-01-01"),
        (ColumnType.DATETIME, "0001-01-01T00:00:00Z"),
    ],
)
def test_a_blank_is_written_as_each_system_has_it(kind: ColumnType, blank: Value) -> None:
    assert canonical_writer(column(kind), BC)(None) == blank
    assert canonical_writer(column(kind), DV)(None) is None


def test_an_option_is_decoded_character_by_character() -> None:
    assert decode_option("A_x002F_B_x0020_C") == "A/B C"
