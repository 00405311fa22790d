"""The topics: reached, and as the settings want them."""

from collections.abc import Iterator
from contextlib import closing

from console.brokers import Broker
from console.doctor.check import Check, look
from schemas.errors import SyncError
from schemas.topic_keeping import TopicKeeper, WantedTopic


def checks(broker: Broker) -> Iterator[Check]:
    """One for each topic that is in order or not there, and one for each fault of the others.

    Raises:
        Stop: the settings name files that are gone.
    """
    with closing(broker.topics()) as topics:
        for wanted in broker.wanted():
            yield from _checks(topics, wanted)


def broker_check(broker: Broker) -> Check:
    """Whether the broker is reached."""

    def reach() -> str:
        with closing(broker.topics()) as topics:
            topics.listed()
        return f"{broker.address} is reached"

    return look("Broker", reach, "Check the section of the broker in the settings, and that it runs.")


def _checks(topics: TopicKeeper, wanted: WantedTopic) -> Iterator[Check]:
    try:
        present, faults = topics.present(wanted.name), topics.faults(wanted)
    except SyncError as error:
        yield Check("Topic", False, error.text)
        return
    for fault in faults:
        yield Check("Topic", False, fault.found, fault.remedy)
    if present is None:
        yield Check("Topic", True, f"{wanted.name} is not there yet; the worker makes it when it starts")
    elif not faults:
        yield Check("Topic", True, f"{wanted.name} with {present.partitions} partitions")
