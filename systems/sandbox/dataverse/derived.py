"""Columns that the platform sets by itself: owners, full names, base currency amounts, states."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from systems.sandbox.dataverse.errors import ApiError
from systems.sandbox.dataverse.payload import Submitted
from systems.sandbox.dataverse.tables import CURRENCY, SYSTEM_USER, TEAM, TableDefinition
from systems.sandbox.exchange import User
from systems.sandbox.store import Values

if TYPE_CHECKING:
    from systems.sandbox.dataverse.rows import Rows

_BASE_PRECISION = Decimal("1e-10")
_ACTIVE, _INACTIVE = (0, 1), (1, 2)


def on_create(
    rows: "Rows", definition: TableDefinition, row: Values, submitted: Submitted, user: User, root_unit: str
) -> dict[str, Any]:
    """What a new row gets besides what was submitted.

    Raises:
        ApiError: state and status do not go together, or a currency's code is taken.
    """
    columns = on_update(rows, definition, row, submitted)
    if "ownerid" in definition.by_name and row["_ownerid_value"] is None:
        owner = {"_ownerid_value": user.id, "ownerid@target": SYSTEM_USER.name}
        columns |= owner | _owning(owner)
    if "owningbusinessunit" in definition.by_name:
        columns["_owningbusinessunit_value"] = root_unit
    if definition is CURRENCY and rows.table(CURRENCY).equal("isocurrencycode", row["isocurrencycode"]):
        raise ApiError(400, "0x80048426", "A currency with the same currency code already exists.")
    return columns


def on_update(rows: "Rows", definition: TableDefinition, row: Values, submitted: Submitted) -> dict[str, Any]:
    """What follows from the submitted columns.

    Raises:
        ApiError: state and status do not go together.
    """
    columns: dict[str, Any] = {}
    if "ownerid" in submitted.columns:
        columns |= _owning(row)
    if "fullname" in definition.by_name:
        parts = (row["firstname"], row["lastname"])
        columns["fullname"] = " ".join(part for part in parts if part) or None
    if "statuscode" in definition.by_name:
        columns |= _state(row, submitted)
    if "creditlimit" in definition.by_name:
        columns |= _base_amount(rows, row)
    return columns


def names(definition: TableDefinition, submitted: Submitted) -> list[str]:
    """Derived columns that an event shows along with the submitted ones."""
    shown = []
    if "fullname" in definition.by_name and submitted.columns.keys() & {"firstname", "lastname"}:
        shown.append("fullname")
    if submitted.columns.keys() & {"statecode", "statuscode"}:
        shown += ["statecode", "statuscode"]
    return shown


def _owning(row: Values) -> dict[str, Any]:
    by_team = row["ownerid@target"] == TEAM.name
    owner = row["_ownerid_value"]
    return {
        "_owninguser_value": None if by_team else owner,
        "owninguser@target": None if by_team else SYSTEM_USER.name,
        "_owningteam_value": owner if by_team else None,
        "owningteam@target": TEAM.name if by_team else None,
    }


def _state(row: Values, submitted: Submitted) -> dict[str, Any]:
    state, status = row["statecode"], row["statuscode"]
    given = submitted.columns.keys() & {"statecode", "statuscode"}
    if given == {"statecode"}:
        return {"statuscode": _INACTIVE[1] if state else _ACTIVE[1]}
    if given == {"statuscode"}:
        return {"statecode": _INACTIVE[0] if status == _INACTIVE[1] else _ACTIVE[0]}
    if (state, status) not in (_ACTIVE, _INACTIVE):
        raise ApiError(400, "0x80048408", f"{status} is not a valid status code for state code {state}.")
    return {}


def _base_amount(rows: "Rows", row: Values) -> dict[str, Any]:
    """Amounts in the base currency; a row with an amount and no currency has the base currency."""
    limit = row["creditlimit"]
    currency = rows.table(CURRENCY).get(row["_transactioncurrencyid_value"] or rows.base_currency)
    if currency is None or (limit is None and row["_transactioncurrencyid_value"] is None):
        return {"creditlimit_base": None, "exchangerate": None}
    rate = currency.values["exchangerate"]
    return {
        "_transactioncurrencyid_value": currency.id,
        "transactioncurrencyid@target": CURRENCY.name,
        "exchangerate": rate,
        "creditlimit_base": None if limit is None else (limit / rate).quantize(_BASE_PRECISION),
    }
