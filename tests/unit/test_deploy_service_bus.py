"""The Azure template: parameters and dependencies that exist, rights no wider than needed, entities as they should be.

Whether Azure accepts it, only Azure knows: there is nothing to compile it with here.
"""

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from brokers.service_bus.inspection import EntityDescription, faults
from brokers.service_bus.namespace import Entity

TEMPLATE = Path(__file__).parents[2] / "deploy" / "servicebus.json"
_UNITS = {"M": timedelta(minutes=1), "D": timedelta(days=1)}


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    """The template."""
    document: dict[str, Any] = json.loads(TEMPLATE.read_text())
    return document


@pytest.fixture(scope="module")
def resources(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """By type, of which each is there once."""
    by_type = {one["type"].removeprefix("Microsoft.ServiceBus/"): one for one in template["resources"]}
    assert len(by_type) == len(template["resources"])
    return by_type


def test_every_parameter_is_declared_and_used(template: dict[str, Any]) -> None:
    used = set(re.findall(r"parameters\('(\w+)'\)", json.dumps(template["resources"])))
    assert used == template["parameters"].keys()


def test_every_resource_waits_for_what_it_is_in(resources: dict[str, dict[str, Any]]) -> None:
    for type_, resource in resources.items():
        parent = type_.rpartition("/")[0]
        (waits_for,) = resource.get("dependsOn", [""])
        assert not parent or waits_for.startswith(f"[resourceId('Microsoft.ServiceBus/{parent}', ")
        assert resource["name"].count("{") in (0, *range(parent.count("/") + 1, type_.count("/") + 2))


def test_dataverse_may_only_send_and_twinrow_only_listen(resources: dict[str, dict[str, Any]]) -> None:
    rights = {type_: one["properties"]["rights"] for type_, one in resources.items() if "ules" in type_}
    assert rights == {
        "namespaces/queues/authorizationRules": ["Send"],
        "namespaces/topics/authorizationRules": ["Send"],
        "namespaces/AuthorizationRules": ["Listen"],
    }


@pytest.mark.parametrize("type_", ["namespaces/queues", "namespaces/topics/subscriptions"])
def test_a_source_made_by_it_would_lose_nothing(resources: dict[str, dict[str, Any]], type_: str) -> None:
    made = resources[type_]["properties"]
    description = EntityDescription(
        lock_duration=_duration(made["lockDuration"]),
        max_delivery_count=made["maxDeliveryCount"],
        requires_session=made["requiresSession"],
        forwards_to=made.get("forwardTo"),
        time_to_live=_duration(made["defaultMessageTimeToLive"]),
        keeps_expired=made["deadLetteringOnMessageExpiration"],
        duplicate_window=None,
    )
    assert list(faults(Entity("entity"), description)) == []


def _duration(text: str) -> timedelta:
    found = re.fullmatch(r"PT?(\d+)([MD])", text)
    assert found
    return int(found[1]) * _UNITS[found[2]]
