"""The broker's controls over HTTP, for tests in another process or another language."""

from collections.abc import Awaitable, Callable

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from systems.sandbox.http_server import AbortConnection, HttpServer
from tests.servicebus.amqp.errors import AmqpError
from tests.servicebus.broker import ServiceBusBroker
from tests.servicebus.faults import Fault
from tests.servicebus.settings import EntitySettings

_SETTINGS = TypeAdapter(EntitySettings)
_FAULT = TypeAdapter(Fault)


def control_server(broker: ServiceBusBroker, port: int = 0) -> HttpServer:
    """A server, not started, that does what it is told: settings and faults are the fields of their classes, as JSON.

    ======================================================  ============================================
    ``PUT /queues/{name}``, ``PUT /topics/{name}``,         create, in place of one of that name
    ``PUT /topics/{topic}/subscriptions/{name}``
    ``DELETE /entities/{name}``                             forget a queue or a topic
    ``GET /count?entity=``                                  how many messages an entity holds
    ``POST /faults``, ``DELETE /faults``                    misbehave; behave again
    ``POST /locks/expire?entity=``                          let every lock run out now
    ``POST /links/detach?entity=``                          detach every link
    ``POST /connections/drop``                              cut every connection
    ======================================================  ============================================
    """

    def made(_: AbortConnection) -> Starlette:
        return Starlette(
            routes=[
                _route(
                    "PUT",
                    "/queues/{name:path}",
                    lambda request, body: broker.create_queue(_name(request), _settings(body)),
                ),
                _route(
                    "PUT",
                    "/topics/{topic}/subscriptions/{name}",
                    lambda request, body: broker.create_subscription(
                        str(request.path_params["topic"]), _name(request), _settings(body)
                    ),
                ),
                _route(
                    "PUT",
                    "/topics/{name:path}",
                    lambda request, body: broker.create_topic(_name(request), _settings(body)),
                ),
                _route("DELETE", "/entities/{name:path}", lambda request, _: broker.delete(_name(request))),
                _route("GET", "/count", lambda request, _: broker.count(_entity(request))),
                _route("POST", "/faults", lambda _, body: broker.add_fault(_FAULT.validate_json(body))),
                _route("DELETE", "/faults", lambda *_: broker.clear_faults()),
                _route("POST", "/locks/expire", lambda request, _: broker.expire_locks(_entity(request))),
                _route("POST", "/links/detach", lambda request, _: broker.detach_links(_entity(request))),
                _route("POST", "/connections/drop", lambda *_: broker.drop_connections()),
            ]
        )

    return HttpServer(made, host="127.0.0.1", port=port)


def _route(method: str, path: str, do: Callable[[Request, bytes], int | None]) -> Route:
    async def endpoint(request: Request) -> JSONResponse:
        body = await request.body()
        try:
            count = await run_in_threadpool(do, request, body)
        except (AmqpError, ValidationError, ValueError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)
        return JSONResponse({} if count is None else {"count": count})

    handler: Callable[[Request], Awaitable[JSONResponse]] = endpoint
    return Route(path, handler, methods=[method])


def _name(request: Request) -> str:
    return str(request.path_params["name"])


def _entity(request: Request) -> str:
    return request.query_params.get("entity", "")


def _settings(body: bytes) -> EntitySettings:
    return _SETTINGS.validate_json(body or b"{}")
