"""The body of an event: a RemoteExecutionContext as the platform's data contract serializer writes it."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from schemas import json_codec
from systems.sandbox.dataverse.columns import Column, Kind
from systems.sandbox.dataverse.organization import Organization
from systems.sandbox.dataverse.quirks import Quirks
from systems.sandbox.dataverse.rows import Change
from systems.sandbox.store import Values

_CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
_EMPTY_ID = "00000000-0000-0000-0000-000000000000"
_ASYNCHRONOUS, _AFTER_OPERATION, _SANDBOXED = 1, 40, 1
_DROPPED_WHEN_TOO_LARGE = ("ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages")


def write(change: Change, organization: Organization, step: str, quirks: Quirks) -> dict[str, Any]:
    """The context of ``change`` for the step of that name."""
    operation_id = str(uuid.uuid4())
    return {
        "BusinessUnitId": organization.root_unit,
        "CorrelationId": change.correlation_id,
        "Depth": 1,
        "InitiatingUserAgent": None,
        "InitiatingUserAzureActiveDirectoryObjectId": _EMPTY_ID,
        "InitiatingUserId": change.user.id,
        "InputParameters": [{"key": "Target", "value": _target(change)}],
        "IsExecutingOffline": False,
        "IsInTransaction": False,
        "IsOfflinePlayback": False,
        "IsolationMode": _SANDBOXED,
        "MessageName": change.message,
        "Mode": _ASYNCHRONOUS,
        "OperationCreatedOn": _date(change.at, "+0000" if quirks.offset_in_operation_time else ""),
        "OperationId": operation_id,
        "OrganizationId": organization.id,
        "OrganizationName": organization.name,
        "OutputParameters": [{"key": "id", "value": change.record.id}] if change.message == "Create" else [],
        "OwningExtension": {
            "Id": str(uuid.uuid5(uuid.NAMESPACE_URL, step)),
            "KeyAttributes": [],
            "LogicalName": "sdkmessageprocessingstep",
            "Name": step,
            "RowVersion": None,
        },
        "ParentContext": None,
        "PostEntityImages": [_step_image(change)] if change.message != "Delete" else [],
        "PreEntityImages": [],
        "PrimaryEntityId": change.record.id,
        "PrimaryEntityName": change.table.name,
        "RequestId": change.correlation_id,
        "SecondaryEntityName": "none",
        "SharedVariables": _shared_variables(change),
        "Stage": _AFTER_OPERATION,
        "UserId": change.user.id,
    }


def encode(context: Mapping[str, Any], quirks: Quirks) -> bytes:
    """``context`` as JSON."""
    body = json_codec.encode(context)
    return body.replace(b"/", b"\\/") if quirks.escaped_slashes else body


def cut(context: Mapping[str, Any]) -> dict[str, Any]:
    """``context`` without what the platform leaves out of messages that are too large."""
    return {name: value for name, value in context.items() if name not in _DROPPED_WHEN_TOO_LARGE}


def _target(change: Change) -> dict[str, Any]:
    if change.message == "Delete":
        return _reference(change.table.name, change.record.id)
    attributes: list[dict[str, Any]] = [
        {"key": column.name, "value": _value(column, change.record.values)}
        for column in change.columns
        if column.name != change.table.key
    ]
    attributes.append({"key": change.table.key, "value": change.record.id})
    return _entity(change.table.name, change.record.id, attributes)


def _step_image(change: Change) -> dict[str, Any]:
    """The image that asynchronous steps add by themselves: the row's id and name."""
    name = change.table.primary_name
    attributes: list[dict[str, Any]] = [
        {"key": name, "value": change.record.values.get(name)},
        {"key": change.table.key, "value": change.record.id},
    ]
    entity = _entity(change.table.name, change.record.id, attributes)
    return {"key": "AsynchronousStepPrimaryName", "value": entity}


def _shared_variables(change: Change) -> list[dict[str, Any]]:
    tag = [{"key": "tag", "value": change.tag}] if change.tag else []
    return [*tag, {"key": "IsAutoTransact", "value": True}]


def _entity(table: str, record_id: str, attributes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "__type": f"Entity:{_CONTRACTS}",
        "Attributes": attributes,
        "EntityState": None,
        "FormattedValues": [],
        "Id": record_id,
        "KeyAttributes": [],
        "LogicalName": table,
        "RelatedEntities": [],
        "RowVersion": None,
    }


def _reference(table: str, record_id: str) -> dict[str, Any]:
    return {
        "__type": f"EntityReference:{_CONTRACTS}",
        "Id": record_id,
        "KeyAttributes": [],
        "LogicalName": table,
        "Name": None,
        "RowVersion": None,
    }


def _value(column: Column, values: Values) -> Any:
    value = values.get(column.wire_name)
    if value is None:
        return None
    match column.kind:
        case Kind.LOOKUP:
            return _reference(values.get(column.target_property) or column.targets[0].table, value)
        case Kind.CHOICE:
            return {"__type": f"OptionSetValue:{_CONTRACTS}", "Value": value}
        case Kind.MONEY:
            return {"__type": f"Money:{_CONTRACTS}", "Value": value}
        case Kind.TIME:
            return _date(value)
        case _:
            return value


def _date(moment: datetime, offset: str = "") -> str:
    return f"/Date({int(moment.timestamp() * 1000)}{offset})/"
