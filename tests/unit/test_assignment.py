"""Partitions are shared evenly, and stay where they may."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from consumers.assignment import assign

_TOPICS = ("changes", "dead letters", "history")
_PARTITIONS = st.lists(st.sampled_from(_TOPICS), max_size=24).map(lambda topics: dict(enumerate(topics)))
_NAMES = st.sets(st.sampled_from("abcdefgh"), min_size=1)
_CURRENT = st.dictionaries(st.integers(0, 30), st.sampled_from("abcdefghxyz"))


def _all_topics(names: set[str]) -> dict[str, tuple[str, ...]]:
    return dict.fromkeys(names, _TOPICS)


@given(partitions=_PARTITIONS, names=_NAMES, current=_CURRENT)
def test_loads_differ_by_one_at_most(partitions: dict[int, str], names: set[str], current: dict[int, str]) -> None:
    assigned = assign(partitions, _all_topics(names), current)
    assert assigned.keys() == partitions.keys()
    for topics in (_TOPICS, *([topic] for topic in _TOPICS)):
        loads = Counter(dict.fromkeys(names, 0))
        loads.update(member for partition, member in assigned.items() if partitions[partition] in topics)
        assert max(loads.values()) - min(loads.values()) <= 1


@given(partitions=_PARTITIONS, names=_NAMES, current=_CURRENT)
def test_what_is_assigned_already_stays(partitions: dict[int, str], names: set[str], current: dict[int, str]) -> None:
    assigned = assign(partitions, _all_topics(names), current)
    assert assign(partitions, _all_topics(names), assigned) == assigned


@given(partitions=_PARTITIONS, names=_NAMES, current=_CURRENT)
def test_a_member_that_goes_moves_nothing_between_the_others(
    partitions: dict[int, str], names: set[str], current: dict[int, str]
) -> None:
    before = assign(dict.fromkeys(partitions, "changes"), _all_topics(names | {"z"}), current)
    after = assign(dict.fromkeys(partitions, "changes"), _all_topics(names), before)
    assert all(after[partition] == member for partition, member in before.items() if member != "z")


@given(partitions=_PARTITIONS, names=_NAMES, current=_CURRENT)
def test_a_member_that_comes_is_all_that_partitions_move_to(
    partitions: dict[int, str], names: set[str], current: dict[int, str]
) -> None:
    before = assign(dict.fromkeys(partitions, "changes"), _all_topics(names), current)
    after = assign(dict.fromkeys(partitions, "changes"), _all_topics(names | {"z"}), before)
    assert {after[partition] for partition in after if after[partition] != before[partition]} <= {"z"}


@given(partitions=_PARTITIONS, current=_CURRENT, data=st.data())
def test_members_get_only_what_they_subscribe_to(
    partitions: dict[int, str], current: dict[int, str], data: st.DataObject
) -> None:
    members = data.draw(st.dictionaries(st.sampled_from("abcd"), st.sets(st.sampled_from(_TOPICS))))
    assigned = assign(partitions, members, current)
    wanted = {topic for topics in members.values() for topic in topics}
    assert assigned.keys() == {partition for partition, topic in partitions.items() if topic in wanted}
    assert all(partitions[partition] in members[member] for partition, member in assigned.items())


def test_the_order_of_members_does_not_matter() -> None:
    partitions = dict.fromkeys(range(8), "changes")
    there = assign(partitions, _all_topics({"a"}) | _all_topics({"b"}), {})
    back = assign(partitions, _all_topics({"b"}) | _all_topics({"a"}), {})
    assert there == back
