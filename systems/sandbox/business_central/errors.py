"""The error answers of Business Central, by the codes of its published table."""

import uuid

from schemas import json_codec
from systems.sandbox.exchange import Refused, Response


class ApiError(Refused):
    """A refusal as the API words it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> Response:
        """The answer, with a correlation id of its own inside the text, as the real one has."""
        message = f"{self.message}  CorrelationId:  {uuid.uuid4()}."
        body = json_codec.encode({"error": {"code": self.code, "message": message}})
        return Response(self.status, {"content-type": "application/json; odata.metadata=minimal"}, body)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def dialog(message: str) -> ApiError:
    """An error raised by business logic."""
    return ApiError(400, "Application_DialogException", message)


def read_only(name: str) -> ApiError:
    return ApiError(400, "BadRequest_InvalidOperation", f"Control '{name}' is read-only.")


def unknown_property(name: str, entity_type: str) -> ApiError:
    return bad_request(f"The property '{name}' does not exist on type 'Microsoft.NAV.{entity_type}'.")


def segment_not_found(segment: str, status: int = 404) -> ApiError:
    return ApiError(status, "BadRequest_ResourceNotFound", f"Resource not found for the segment '{segment}'.")


def company_not_found() -> ApiError:
    return ApiError(404, "Internal_CompanyNotFound", "The company does not exist.")


def method_not_allowed(method: str, segment: str) -> ApiError:
    return ApiError(405, "BadRequest_MethodNotAllowed", f"'{segment}' does not support the method '{method}'.")


def invalid_relation(field: str, table: str, key: str, related: str, value: str) -> ApiError:
    return ApiError(
        400,
        "Internal_InvalidTableRelation",
        f"The field {field} of table {table} ({key}) contains a value ({value}) that cannot be found in the related"
        f" table ({related}).",
    )


INVALID_TOKEN = ApiError(
    400,
    "BadRequest_InvalidToken",
    "Could not validate the client concurrency token required by the service. "
    "Please provide a valid token in the client request.",
)
INVALID_CREDENTIALS = ApiError(
    401, "Authentication_InvalidCredentials", "The server has rejected the client credentials."
)
