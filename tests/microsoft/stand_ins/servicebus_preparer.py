"""Stands in for the module of that name: what is prepared in Azure there is an entity on the test broker here."""

import asyncio
import functools
import os
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import httpx2

SERVICEBUS_ENDPOINT_SUFFIX = os.environ["SERVICEBUS_ENDPOINT_SUFFIX"]
_CONTROL = os.environ["TWINROW_SERVICE_BUS_CONTROL"]
_KEY_NAME = os.environ["TWINROW_SERVICE_BUS_KEY_NAME"]
_KEY = os.environ["TWINROW_SERVICE_BUS_KEY"]

Test: TypeAlias = Callable[..., Any]


@dataclass(frozen=True)
class Resource:
    """Something with a name."""

    name: str


class _Preparer:
    """A decorator that gives a test more arguments."""

    def __init__(self, name_prefix: str = "", **settings: Any) -> None:
        self.name_prefix = name_prefix
        self.settings = settings

    def prepared(self, given: dict[str, Any]) -> dict[str, Any]:
        """The arguments, with what it takes to honour them; ``given`` is what others have prepared."""
        raise NotImplementedError

    def __call__(self, test: Test) -> Test:
        if asyncio.iscoroutinefunction(test):

            @functools.wraps(test)
            async def async_wrapped(*args: Any, **kwargs: Any) -> Any:
                return await test(*args, **kwargs, **self.prepared(kwargs))

            return async_wrapped

        @functools.wraps(test)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return test(*args, **kwargs, **self.prepared(kwargs))

        return wrapped

    def _new_name(self) -> str:
        return f"{self.name_prefix}{uuid.uuid4().hex[:12]}"


class ServiceBusResourceGroupPreparer(_Preparer):
    """Resource groups are of no meaning here."""

    def prepared(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 the name is the base class's
        return {"resource_group": Resource("group"), "location": "here"}


class ServiceBusNamespacePreparer(_Preparer):
    """The broker's only namespace, by a name that leads to it."""

    def prepared(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 the name is the base class's
        host = f"twinrow{SERVICEBUS_ENDPOINT_SUFFIX}"
        return {
            "servicebus_namespace": Resource("twinrow"),
            "servicebus_namespace_connection_string": (
                f"Endpoint=sb://{host}/;SharedAccessKeyName={_KEY_NAME};SharedAccessKey={_KEY}"
            ),
            "servicebus_namespace_key_name": _KEY_NAME,
            "servicebus_namespace_primary_key": _KEY,
        }


class ServiceBusQueuePreparer(_Preparer):
    """A new queue."""

    def prepared(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 the name is the base class's
        name = self._new_name()
        _put(f"queues/{name}", _entity_settings(self.settings, lock_duration=30))
        return {self.settings.get("parameter_name", "servicebus_queue"): Resource(name)}


class ServiceBusTopicPreparer(_Preparer):
    """A new topic."""

    def prepared(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002 the name is the base class's
        name = self._new_name()
        _put(f"topics/{name}", {})
        return {self.settings.get("parameter_name", "servicebus_topic"): Resource(name)}


class ServiceBusSubscriptionPreparer(_Preparer):
    """A new subscription of the topic that was prepared."""

    def prepared(self, given: dict[str, Any]) -> dict[str, Any]:
        name, topic = self._new_name(), given["servicebus_topic"].name
        _put(f"topics/{topic}/subscriptions/{name}", _entity_settings(self.settings, lock_duration=60))
        return {self.settings.get("parameter_name", "servicebus_subscription"): Resource(name)}


CachedServiceBusResourceGroupPreparer = ServiceBusResourceGroupPreparer
CachedServiceBusNamespacePreparer = ServiceBusNamespacePreparer
CachedServiceBusQueuePreparer = ServiceBusQueuePreparer
CachedServiceBusTopicPreparer = ServiceBusTopicPreparer
CachedServiceBusSubscriptionPreparer = ServiceBusSubscriptionPreparer


def _put(path: str, settings: dict[str, Any]) -> None:
    httpx2.put(f"{_CONTROL}/{path}", json=settings, timeout=60).raise_for_status()


def _entity_settings(given: dict[str, Any], lock_duration: float) -> dict[str, Any]:
    """The broker's words for what a preparer was asked for."""
    if "lock_duration" in given:
        lock_duration = _seconds(given["lock_duration"])
    return {
        "lock_duration": lock_duration,
        "requires_session": given.get("requires_session", False),
        "duplicate_window": 600.0 if given.get("requires_duplicate_detection") else 0.0,
        "dead_letter_expired": given.get("dead_lettering_on_message_expiration", False),
    }


def _seconds(duration: str) -> float:
    """``PT1M30S`` in seconds."""
    found = re.fullmatch(r"PT(?:(\d+)M)?(?:(\d+)S)?", duration)
    assert found is not None, f"{duration!r} is no duration that is known here"
    minutes, seconds = found.groups(default="0")
    return 60.0 * int(minutes) + int(seconds)
