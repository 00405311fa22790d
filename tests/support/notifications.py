"""Messages as the two systems send them, with everything that a test does not care about filled in."""

from typing import Any

CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
NO_GUID = "00000000-0000-0000-0000-000000000000"

COMPANY = "5b7a1c9e-2f60-4d38-8e11-a4c9d0b3f275"
CUSTOMER = "3d0f8a52-7c41-4b1e-9a66-0c5b2d7e1f90"
ACCOUNT = "a1f4c6d8-90b2-4e37-8c55-1d2e3f405162"
OTHER_ACCOUNT = "b2e5d7c9-81a3-4f46-9d64-2e3f40516273"
USER = "c3d6e8fa-72b4-4055-8e73-3f4051627384"
OPERATION = "d4c7f9eb-63a5-4164-9f82-405162738495"


def notification(*entries: Any) -> dict[str, Any]:
    """A Business Central notification body."""
    return {"value": list(entries)}


def entry(resource: str | None = None, change_type: str = "updated", **members: Any) -> dict[str, Any]:
    """One entry of a notification; of a customer unless ``resource`` says otherwise."""
    return {
        "subscriptionId": "7e1f40c2a95b4d6f83d1b2c4e6a8f013",
        "clientState": "our-state",
        "expirationDateTime": "2026-03-08T06:00:00Z",
        "resource": resource or f"api/v2.0/companies({COMPANY})/customers({CUSTOMER})",
        "changeType": change_type,
        "lastModifiedDateTime": "2026-03-05T06:07:08.123Z",
    } | members


def typed(name: str, **members: Any) -> dict[str, Any]:
    """A value of one of Dataverse's own types."""
    return {"__type": f"{name}:{CONTRACTS}"} | members


def reference(table: str, record_id: str) -> dict[str, Any]:
    """A lookup."""
    return typed("EntityReference", Id=record_id, KeyAttributes=[], LogicalName=table, Name=None, RowVersion=None)


def entity(table: str, record_id: str, **columns: Any) -> dict[str, Any]:
    """A row with some columns."""
    attributes = [{"key": name, "value": value} for name, value in columns.items()]
    return typed("Entity", Attributes=attributes, FormattedValues=[], Id=record_id, LogicalName=table)


def parameters(**values: Any) -> list[dict[str, Any]]:
    """Parameters, shared variables or images: a list of key and value."""
    return [{"key": name, "value": value} for name, value in values.items()]


def context(message: str = "Update", **members: Any) -> dict[str, Any]:
    """A RemoteExecutionContext: the update of an account unless ``members`` say otherwise."""
    return {
        "CorrelationId": "e5b8fadc-5496-4273-8093-516273849506",
        "Depth": 1,
        "InitiatingUserId": USER,
        "InputParameters": parameters(Target=entity("account", ACCOUNT, telephone1="+47 55")),
        "MessageName": message,
        "Mode": 1,
        "OperationCreatedOn": "/Date(1772690828123)/",
        "OperationId": OPERATION,
        "OutputParameters": [],
        "ParentContext": None,
        "PrimaryEntityId": ACCOUNT,
        "PrimaryEntityName": "account",
        "RequestId": None,
        "SharedVariables": [],
        "Stage": 40,
        "UserId": USER,
    } | members
