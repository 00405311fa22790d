"""``/_sandbox/webhooks``: registering receivers of events from outside."""

from dataclasses import asdict
from typing import Protocol

from systems.sandbox.admin import AdminApi, Controls, json, read
from systems.sandbox.dataverse.webhooks import Webhook
from systems.sandbox.exchange import Request, Response


class DataverseControls(Controls, Protocol):
    """What can be commanded of Dataverse besides."""

    @property
    def webhooks(self) -> list[Webhook]: ...

    def register(self, webhook: Webhook) -> None: ...

    def remove_webhooks(self) -> None: ...


class DataverseAdmin(AdminApi):
    """Serves ``webhooks`` on top of what both systems have."""

    def __init__(self, controls: DataverseControls) -> None:
        super().__init__(controls)
        self._dataverse = controls

    def route(self, request: Request, path: list[str]) -> Response:
        match request.method, path:
            case "GET", ["webhooks"]:
                return json([asdict(webhook) for webhook in self._dataverse.webhooks])
            case "POST", ["webhooks"]:
                self._dataverse.register(read(request, Webhook))
            case "DELETE", ["webhooks"]:
                self._dataverse.remove_webhooks()
            case _:
                return super().route(request, path)
        return Response(204)
