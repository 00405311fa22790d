"""Accounts as Dataverse answers them, for unit tests."""

from collections.abc import Mapping
from typing import Any

import httpx2

from schemas.json_codec import encode
from schemas.row import ColumnKind, Table, TableColumn

ONE = "22222222-2222-2222-2222-222222222222"
TWO = "33333333-3333-3333-3333-333333333333"

ACCOUNTS = Table(
    "account",
    "accounts",
    "accountid",
    {
        "name": TableColumn("name"),
        "creditlimit": TableColumn("creditlimit"),
        "primarycontactid": TableColumn("primarycontactid", ColumnKind.LOOKUP, "primarycontactid", "contacts"),
    },
)
CONTACTS = Table(
    "contact",
    "contacts",
    "contactid",
    {
        "lastname": TableColumn("lastname"),
        "parentcustomerid": TableColumn("parentcustomerid", ColumnKind.LOOKUP, "parentcustomerid_account", "accounts"),
        "parentcustomeridtype": TableColumn("parentcustomeridtype"),
    },
)
PAYMENT_TERMS = Table("account", "accounts", "value", {"label": TableColumn("label")}, choice="paymenttermscode")


def account(row_id: str, **values: Any) -> dict[str, Any]:
    """An account as JSON."""
    return {"@odata.etag": f'W/"{row_id[0]}"', "accountid": row_id, "modifiedon": "2026-11-22T10:00:00Z", **values}


def part(
    status: int, body: Any = None, *, content_id: int | None = None, headers: Mapping[str, str] | None = None
) -> bytes:
    """One answer inside a batch's, with the line ends and headers of the real one."""
    lines = [b"Content-Type: application/http", b"Content-Transfer-Encoding: binary"]
    if content_id is not None:
        lines.append(f"Content-ID: {content_id}".encode())
    lines += [b"", f"HTTP/1.1 {status} Words".encode(), b"Content-Type: application/json; odata.metadata=minimal"]
    lines += [f"{name}: {value}".encode() for name, value in (headers or {}).items()]
    return b"\r\n".join([*lines, b"", b"" if body is None else encode(body)])


def batch_reply(*parts: bytes, status: int = 200, line_end: bytes = b"\r\n", closed: bool = True) -> httpx2.Response:
    """A batch's answer."""
    boundary = b"--batchresponse_1f3c"
    body = b"".join(boundary + b"\r\n" + part + b"\r\n" for part in parts) + (boundary + b"--\r\n" if closed else b"")
    return httpx2.Response(
        status,
        headers={"Content-Type": "multipart/mixed; boundary=batchresponse_1f3c", "OData-Version": "4.0"},
        content=body.replace(b"\r\n", line_end),
    )
