"""Who reads which partition: balanced, and moving nothing that may stay."""

from collections import Counter
from collections.abc import Collection, Mapping


def assign(
    partitions: Mapping[int, str], members: Mapping[str, Collection[str]], current: Mapping[int, str]
) -> dict[int, str]:
    """The member for each partition that anyone subscribes to.

    Members of equal subscriptions differ by one partition at most, in each topic and in all. The same arguments give
    the same answer, in whatever order they are.

    Args:
        partitions: the topic of each partition.
        members: the topics that each member subscribes to.
        current: the member of each partition so far; kept wherever balance allows.
    """
    subscribed = {topic for topics in members.values() for topic in topics}
    topic_of = {partition: topic for partition, topic in sorted(partitions.items()) if topic in subscribed}
    assigned = {
        partition: current[partition]
        for partition, topic in topic_of.items()
        if topic in members.get(current.get(partition, ""), ())
    }
    in_topic = Counter((member, topic_of[partition]) for partition, member in assigned.items())
    in_all = Counter(assigned.values())

    def load(member: str, topic: str) -> tuple[int, int]:
        return in_topic[member, topic], in_all[member]

    def idlest(topic: str) -> str:
        subscribers = (member for member, topics in members.items() if topic in topics)
        return min(subscribers, key=lambda member: (load(member, topic), member))

    def give(partition: int, member: str) -> None:
        topic = topic_of[partition]
        if previous := assigned.get(partition):
            in_topic[previous, topic] -= 1
            in_all[previous] -= 1
        assigned[partition] = member
        in_topic[member, topic] += 1
        in_all[member] += 1

    def owner_load(partition: int) -> tuple[int, int]:
        return load(assigned[partition], topic_of[partition])

    def may_move(partition: int) -> bool:
        topic = topic_of[partition]
        return _worth_moving(owner_load(partition), load(idlest(topic), topic))

    for partition, topic in topic_of.items():
        if partition not in assigned:
            give(partition, idlest(topic))
    while movable := list(filter(may_move, topic_of)):
        busiest = max(movable, key=owner_load)
        give(busiest, idlest(topic_of[busiest]))
    return assigned


def _worth_moving(owner: tuple[int, int], idle: tuple[int, int]) -> bool:
    """Whether a partition moves from a member to another, given the loads of both in its topic and in all topics.

    Each move makes the topics more even, or leaves them and makes the whole more even: moving comes to an end.
    """
    topic_difference, difference = owner[0] - idle[0], owner[1] - idle[1]
    return topic_difference > 1 or (topic_difference == 1 and difference > 1)
