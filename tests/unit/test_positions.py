"""The highest contiguous settled position, whatever the order of settling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumers.positions import ContiguousPosition

_OFFSETS = st.lists(st.integers(0, 10_000), unique=True, max_size=60).map(sorted)


@given(offsets=_OFFSETS, data=st.data())
def test_position_is_the_first_offset_that_is_not_settled(offsets: list[int], data: st.DataObject) -> None:
    tracked = ContiguousPosition(0)
    for offset in offsets:
        tracked.delivered(offset)
    unsettled = set(offsets)
    for settled in data.draw(st.permutations(offsets)):
        tracked.settled([settled])
        unsettled.discard(settled)
        assert tracked.position == min(unsettled, default=offsets[-1] + 1)


@given(steps=st.lists(st.tuples(st.integers(1, 5), st.lists(st.integers(0, 200), max_size=4)), max_size=40))
def test_position_never_goes_back_nor_over_an_unsettled_offset(steps: list[tuple[int, list[int]]]) -> None:
    tracked, unsettled, offset, before = ContiguousPosition(0), set[int](), 0, 0
    for gap, settled in steps:
        offset += gap
        tracked.delivered(offset)
        unsettled.add(offset)
        tracked.settled(settled)
        unsettled.difference_update(settled)
        assert before <= tracked.position <= min(unsettled, default=offset + 1)
        before = tracked.position


def test_position_starts_where_reading_starts() -> None:
    assert ContiguousPosition(7).position == 7


def test_settling_again_or_something_unknown_changes_nothing() -> None:
    tracked = ContiguousPosition(0)
    tracked.delivered(0)
    tracked.delivered(1)
    tracked.settled([0, 0, 99])
    tracked.settled([0])
    assert tracked.position == 1


def test_offsets_that_do_not_grow_are_refused() -> None:
    tracked = ContiguousPosition(5)
    with pytest.raises(ValueError, match="offset 4"):
        tracked.delivered(4)
