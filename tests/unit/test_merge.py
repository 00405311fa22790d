"""The three-way merge: which side's value stands, column by column."""

from itertools import product
from typing import Any

import pytest

from engine.merge import ColumnConflict, agrees, merge
from engine.plan import Plan
from schemas.mapping import Mapping, Mappings, UpdateConflict
from schemas.row import Value
from schemas.system import Direction, System
from tests.support.world import BC, DV

TO, FROM = Direction.TO_DATAVERSE, Direction.FROM_DATAVERSE


def plan(*columns: dict[str, Any], policy: UpdateConflict = UpdateConflict.MANUAL) -> Plan:
    mapping = Mapping.model_validate(
        {
            "name": "M",
            "update_conflict": policy,
            "business_central": {"table": "rows"},
            "dataverse": {"table": "row", "set": "rows", "key": "rowid"},
            "columns": columns,
        }
    )
    return Plan(mapping, Mappings(mappings=(mapping,)), 0)


TWO_WAY = plan({"pair": "a <-> a"}, {"pair": "b <-> b"})
BASE: dict[str, Value] = {"a": "old", "b": "old"}


def test_the_source_s_change_is_written_and_nothing_else() -> None:
    result = merge(TWO_WAY, TO, base=BASE, source={"a": "new", "b": "old"}, destination=BASE)
    assert result.write == {"a": "new"}
    assert result.base == {"a": "new", "b": "old"}
    assert not result.carry_back


def test_a_destination_that_is_known_to_agree_need_not_be_read() -> None:
    assert merge(TWO_WAY, TO, base=BASE, source={"a": "new", "b": "old"}, destination=None).write == {"a": "new"}


def test_changes_of_different_columns_are_merged_and_the_destination_s_is_carried_back() -> None:
    result = merge(TWO_WAY, TO, base=BASE, source={"a": "ours", "b": "old"}, destination={"a": "old", "b": "theirs"})
    assert result.write == {"a": "ours"}
    assert result.base == {"a": "ours", "b": "old"}
    assert result.carry_back


def test_the_same_change_on_both_sides_is_agreed() -> None:
    both: dict[str, Value] = {"a": "new", "b": "old"}
    result = merge(TWO_WAY, TO, base=BASE, source=both, destination=both)
    assert (result.write, result.base, result.carry_back) == ({}, both, False)


@pytest.mark.parametrize(
    ("policy", "direction", "newer", "winner"),
    [
        *[(UpdateConflict.BUSINESS_CENTRAL, way, newer, BC) for way, newer in product(Direction, (BC, DV, None))],
        *[(UpdateConflict.DATAVERSE, way, newer, DV) for way, newer in product(Direction, (BC, DV, None))],
        *[(UpdateConflict.LATEST, way, newer, newer) for way, newer in product(Direction, (BC, DV))],
        *[(UpdateConflict.LATEST, way, None, None) for way in Direction],
        *[(UpdateConflict.MANUAL, way, newer, None) for way, newer in product(Direction, (BC, DV, None))],
    ],
)
def test_a_column_changed_on_both_sides_goes_by_the_policy(
    policy: UpdateConflict, direction: Direction, newer: System | None, winner: System | None
) -> None:
    result = merge(
        plan({"pair": "a <-> a"}, policy=policy),
        direction,
        base={"a": "old"},
        source={"a": "ours"},
        destination={"a": "theirs"},
        newer=newer,
    )
    assert result.write == ({"a": "ours"} if winner is direction.source else {})
    assert result.carry_back is (winner is direction.destination)
    assert result.conflicts == ([ColumnConflict("a", "old", "ours", "theirs")] if winner is None else [])
    assert result.base == ({"a": "ours"} if winner is direction.source else {"a": "old"})


def test_a_column_s_own_policy_overrides_the_mapping_s() -> None:
    own = plan({"pair": "a <-> a", "conflict": "dataverse"}, policy=UpdateConflict.BUSINESS_CENTRAL)
    result = merge(own, TO, base={"a": "old"}, source={"a": "ours"}, destination={"a": "theirs"})
    assert result.carry_back
    assert not result.write


def test_without_a_base_every_difference_counts_as_changed_on_both_sides() -> None:
    result = merge(TWO_WAY, TO, base={}, source={"a": "ours", "b": "same"}, destination={"a": None, "b": "same"})
    assert result.conflicts == [ColumnConflict("a", None, "ours", None)]
    assert result.base == {"b": "same"}


def test_overwriting_lets_the_source_win_whatever_the_policy() -> None:
    result = merge(
        plan({"pair": "a <-> a"}, policy=UpdateConflict.DATAVERSE),
        TO,
        base={"a": "old"},
        source={"a": "ours"},
        destination={"a": "theirs"},
        source_wins=True,
    )
    assert result.write == {"a": "ours"}


def test_a_one_way_column_s_source_wins_over_an_edit_of_the_destination() -> None:
    one_way = plan({"pair": "a -> a"})
    result = merge(one_way, TO, base={"a": "old"}, source={"a": "old"}, destination={"a": "theirs"})
    assert result.write == {"a": "old"}
    assert not result.conflicts


def test_an_edit_on_the_wrong_side_of_a_one_way_column_is_to_be_set_right() -> None:
    one_way = plan({"pair": "a -> a"})
    assert merge(one_way, FROM, base={"a": "old"}, source={"a": "edited"}, destination={"a": "old"}).carry_back
    assert not merge(one_way, FROM, base={"a": "old"}, source={"a": "old"}, destination=None).carry_back


def test_a_new_pair_s_one_way_columns_are_compared_though_they_travel_the_other_way() -> None:
    one_way = plan({"pair": "a -> a"})
    assert merge(one_way, FROM, base={}, source={"a": "x"}, destination={"a": None}).carry_back
    equal = merge(one_way, FROM, base={}, source={"a": "x"}, destination={"a": "x"})
    assert (equal.base, equal.carry_back) == ({"a": "x"}, False)


def test_a_column_for_new_rows_only_is_not_compared() -> None:
    for_new = plan({"pair": "a <-> a", "when": "create"})
    result = merge(for_new, TO, base={}, source={"a": "ours"}, destination={"a": "theirs"})
    assert (result.write, result.base, result.conflicts) == ({}, {}, [])


def test_a_blank_never_overwrites_a_column_that_may_not_be_blank() -> None:
    required = plan({"pair": "a <-> a", "not_null": True})
    result = merge(required, TO, base={"a": "old"}, source={"a": None}, destination={"a": "old"})
    assert not result.write
    assert result.carry_back, "the other side's value fills the blank"
    back = merge(required, FROM, base={"a": "old"}, source={"a": "old"}, destination={"a": None})
    assert back.write == {"a": "old"}


def test_a_blank_is_no_rival_of_a_change_where_the_column_may_not_be_blank() -> None:
    required = plan({"pair": "a <-> a", "not_null": True})
    assert merge(required, FROM, base={"a": "old"}, source={"a": "new"}, destination={"a": None}).write == {"a": "new"}
    assert merge(required, FROM, base={}, source={"a": "new"}, destination={"a": None}).write == {"a": "new"}


def test_a_blank_of_a_one_way_column_that_may_not_be_blank_leaves_the_pair_settled() -> None:
    required = plan({"pair": "a -> a", "not_null": True})
    result = merge(required, TO, base={"a": "old"}, source={"a": None}, destination=None)
    assert (result.write, result.carry_back) == ({}, False)
    assert agrees(required, BC, {"a": None}, result.base)


@pytest.mark.parametrize("theirs", ["old", "edited"])
def test_a_deferred_column_leaves_base_and_destination_alone(theirs: str) -> None:
    result = merge(TWO_WAY, TO, base=BASE, source={"b": "old"}, destination={"a": theirs, "b": "old"})
    assert (result.write, result.base, result.carry_back) == ({}, BASE, False)


def test_a_deferred_column_that_was_never_synchronized_is_agreed_to_be_blank_where_it_is_blank() -> None:
    assert merge(TWO_WAY, TO, base={}, source={"b": "x"}, destination={"a": None, "b": "x"}).base["a"] is None
    assert "a" not in merge(TWO_WAY, TO, base={}, source={"b": "x"}, destination={"a": "set", "b": "x"}).base


def test_a_deferred_value_that_arrives_is_written_and_is_no_change_of_the_destination() -> None:
    filled = merge(TWO_WAY, TO, base={"a": None, "b": "x"}, source={"a": "ref", "b": "x"}, destination=None)
    assert filled.write == {"a": "ref"}
    assert not filled.carry_back


def test_a_row_agrees_with_the_base_when_it_has_nothing_that_the_base_does_not_know() -> None:
    assert agrees(TWO_WAY, BC, {"a": "old", "b": "old"}, BASE)
    assert not agrees(TWO_WAY, BC, {"a": "new", "b": "old"}, BASE)
    assert agrees(TWO_WAY, BC, {"b": "old"}, BASE), "a deferred column says nothing"
    assert not agrees(TWO_WAY, BC, {"a": None, "b": "old"}, {"b": "old"}), "the base does not know a"


def test_what_travels_only_the_other_way_counts_once_the_base_knows_it() -> None:
    one_way = plan({"pair": "a -> a"})
    assert agrees(one_way, DV, {"a": "whatever"}, {})
    assert not agrees(one_way, DV, {"a": "edited"}, {"a": "old"})
