"""``/_sandbox/``: what the Python interface can do, for a demo or a test in another process.

Without a token, so only for local use. Bodies and answers are JSON; members are the fields of the dataclasses named.

* ``faults``: ``GET``, ``POST`` (:class:`~systems.sandbox.faults.Fault`), ``DELETE``
* ``requests``: ``GET``, ``DELETE``
* ``latency``: ``PUT`` (:class:`~systems.sandbox.latency.Latency`)
* ``limits``: ``PUT`` (:class:`~systems.sandbox.limits.Limits`, times in seconds)
* ``deliveries``: ``POST`` sends out at once what waits
* ``rows/{set}``: ``GET``, ``POST``; ``rows/{set}/{id}``: ``GET``, ``PATCH``, ``DELETE``, as a user of the system
* ``webhooks`` (Dataverse): ``GET``, ``POST`` (:class:`~systems.sandbox.dataverse.webhooks.Webhook`), ``DELETE``
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Protocol, TypeVar

import msgspec

from schemas import json_codec
from systems.sandbox.exchange import Refused, Request, Response
from systems.sandbox.faults import Fault, Faults
from systems.sandbox.latency import Latency
from systems.sandbox.limits import Limits
from systems.sandbox.request_log import RequestLog

PREFIX = "/_sandbox/"
_Settings = TypeVar("_Settings")


class Controls(Protocol):
    """What can be commanded."""

    faults: Faults
    requests: RequestLog

    def set_limits(self, limits: Limits) -> None: ...

    def set_latency(self, latency: Latency) -> None: ...

    def deliver_now(self) -> None: ...

    def insert(self, entity_set: str, values: Mapping[str, Any]) -> dict[str, Any]: ...

    def update(self, entity_set: str, record_id: str, values: Mapping[str, Any]) -> dict[str, Any]: ...

    def delete(self, entity_set: str, record_id: str) -> None: ...

    def row(self, entity_set: str, record_id: str) -> dict[str, Any]: ...

    def rows(self, entity_set: str) -> list[dict[str, Any]]: ...


class AdminApi:
    """Serves the paths under ``/_sandbox/`` for one system."""

    def __init__(self, controls: Controls) -> None:
        self._controls = controls

    def handle(self, request: Request) -> Response:
        """The response; errors say what was wrong in plain text."""
        try:
            return self.route(request, request.path.removeprefix(PREFIX).split("/"))
        except Refused as refused:
            return refused.response()
        except LookupError as error:
            return _text(404, str(error))
        except (json_codec.NotJson, msgspec.ValidationError, ValueError) as error:
            return _text(400, str(error))

    def route(self, request: Request, path: list[str]) -> Response:
        """The response to a request to the path's segments.

        Raises:
            LookupError: nothing is there.
        """
        controls = self._controls
        match request.method, path:
            case "GET", ["faults"]:
                return json([asdict(fault) for fault in controls.faults.waiting])
            case "POST", ["faults"]:
                controls.faults.add(read(request, Fault))
            case "DELETE", ["faults"]:
                controls.faults.clear()
            case "GET", ["requests"]:
                return json([asdict(entry) for entry in controls.requests.entries()])
            case "DELETE", ["requests"]:
                controls.requests.clear()
            case "PUT", ["latency"]:
                controls.set_latency(read(request, Latency))
            case "PUT", ["limits"]:
                controls.set_limits(read(request, Limits))
            case "POST", ["deliveries"]:
                controls.deliver_now()
            case "GET", ["rows", entity_set]:
                return json({"value": controls.rows(entity_set)})
            case "POST", ["rows", entity_set]:
                return json(controls.insert(entity_set, read(request, dict[str, Any])))
            case "GET", ["rows", entity_set, record_id]:
                return json(controls.row(entity_set, record_id))
            case "PATCH", ["rows", entity_set, record_id]:
                return json(controls.update(entity_set, record_id, read(request, dict[str, Any])))
            case "DELETE", ["rows", entity_set, record_id]:
                controls.delete(entity_set, record_id)
            case method, _:
                raise LookupError(f"no {method} {request.path}")
        return Response(204)


def read(request: Request, settings: type[_Settings]) -> _Settings:
    """The body as ``settings``.

    Raises:
        schemas.json_codec.NotJson: the body is not JSON.
        msgspec.ValidationError: it does not fit.
    """
    return msgspec.convert(request.json(), settings, strict=False)


def json(document: Any) -> Response:
    return Response(200, {"content-type": "application/json"}, json_codec.encode(document))


def _text(status: int, message: str) -> Response:
    return Response(status, {"content-type": "text/plain; charset=utf-8"}, message.encode())
