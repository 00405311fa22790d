"""The error answers of Dataverse, by the codes of its published table."""

from collections.abc import Mapping

from schemas import json_codec
from systems.sandbox.exchange import Refused, Response


class ApiError(Refused):
    """A refusal as the API words it."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def response(self, *, with_code: bool = True, annotated: bool = False) -> Response:
        """The answer; ``annotated`` adds what ``odata.include-annotations`` asks for."""
        error = {"code": self.code if with_code else "", "message": self.message}
        if annotated:
            error |= {
                "@Microsoft.PowerApps.CDS.ErrorDetails.OperationStatus": "0",
                "@Microsoft.PowerApps.CDS.HelpLink": "http://go.microsoft.com/fwlink/?LinkID=398563",
                "@Microsoft.PowerApps.CDS.InnerError.Message": self.message,
            }
        headers = {"content-type": "application/json; odata.metadata=minimal", "odata-version": "4.0", **self.headers}
        return Response(self.status, headers, json_codec.encode({"error": error}))


def bad_payload(message: str) -> ApiError:
    return ApiError(400, "0x80048d19", f"Error identified in Payload provided by the user: {message}")


def bad_request(message: str) -> ApiError:
    return ApiError(400, "0x80060888", message)


def segment_not_found(segment: str) -> ApiError:
    return ApiError(404, "0x8006088a", f"Resource not found for the segment '{segment}'.")


def row_not_found(table: str, record_id: str) -> ApiError:
    return ApiError(404, "0x80040217", f"{table} With Id = {record_id} Does Not Exist")


def row_exists() -> ApiError:
    return ApiError(412, "0x80040237", "A record with matching key values already exists.")


def key_violated(name: str, columns: str) -> ApiError:
    message = f"Entity Key {name} violated. A record with the same value for {columns} already exists."
    return ApiError(412, "0x80060892", message)


def version_mismatch() -> ApiError:
    message = "The version of the existing record doesn't match the RowVersion property provided."
    return ApiError(412, "0x80060882", message)


def too_long(column: str, length: int) -> ApiError:
    message = f"A validation error occurred. The length of the '{column}' attribute exceeded the maximum allowed length"
    return ApiError(400, "0x80044331", f"{message} of '{length}'.")


def method_not_allowed(method: str) -> ApiError:
    return ApiError(405, "0x8006088b", f"The requested resource does not support http method '{method}'.")
