"""Sources and destinations on Service Bus: reached, permitted, and made as they should be."""

from collections.abc import Iterator

from brokers.service_bus.inspection import EntityDescription, described, faults, listen, send
from brokers.service_bus.namespace import Entity
from console.brokers.service_bus import ServiceBusBroker, entity_of
from console.composition import Composition
from console.doctor.check import Check, look
from schemas.settings import ServiceBusSource

_ADVICE = "Check the section service_bus, and the name."


def checks(composition: Composition) -> Iterator[Check]:
    """All of them.

    Raises:
        Stop: the settings name files that are gone.
    """
    broker = ServiceBusBroker(composition.broker_context)
    for source in composition.settings.sources:
        if isinstance(source, ServiceBusSource):
            yield from _source(broker, entity_of(source))
    name = composition.settings.receiver.publish_to
    if name is not None:
        yield look("Receiver: destination", lambda: _sends(broker, name), _ADVICE)


def _source(broker: ServiceBusBroker, entity: Entity) -> Iterator[Check]:
    reached = look("Source", lambda: _listens(broker, entity), _ADVICE)
    yield reached
    if not reached.ok:
        return
    with broker.namespace.administration() as administration:
        made = described(administration, entity)
    if made is None:
        yield Check("Source: settings", True, f"{entity.path} cannot be looked at: that needs the right to manage it")
        return
    found = list(faults(entity, made))
    for fault in found:
        yield Check("Source: settings", False, fault.found, fault.remedy)
    if not found:
        yield Check("Source: settings", True, _as_made(entity, made))


def _listens(broker: ServiceBusBroker, entity: Entity) -> str:
    waiting = listen(broker.namespace, entity)
    return f"{entity.path} may be listened to; {'messages are' if waiting else 'nothing is'} waiting"


def _sends(broker: ServiceBusBroker, name: str) -> str:
    send(broker.namespace, name)
    return f"{name} may be sent to"


def _as_made(entity: Entity, made: EntityDescription) -> str:
    seconds = made.lock_duration.total_seconds()
    window = f", ids remembered for {made.duplicate_window}" if made.duplicate_window else ""
    return f"{entity.path}: locks of {seconds:g} s, {made.max_delivery_count} deliveries{window}"
