"""What Microsoft's tests need of pytest: the way to the broker, asyncio, and the list of those that must fail."""

import asyncio
import inspect
import os
import socket
from typing import Any

import certifi
import pytest

from tests.microsoft.expected import EXPECTED_FAILURES, LONGEST

_SUFFIX = os.environ["SERVICEBUS_ENDPOINT_SUFFIX"]
_AUTHORITY = os.environ["TWINROW_SERVICE_BUS_AUTHORITY"]
_PORTS = {
    5671: int(os.environ["TWINROW_SERVICE_BUS_TLS_PORT"]),
    443: int(os.environ["TWINROW_SERVICE_BUS_WEBSOCKET_PORT"]),
}


def pytest_configure(config: pytest.Config) -> None:
    for mark in ("liveTest", "live_test_only", "playback_test_only", "asyncio"):
        config.addinivalue_line("markers", f"{mark}: Microsoft's own")
    _lead_to_the_broker()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Those that need Azure, the longest first; and those that are known to fail must fail."""
    items[:] = [item for item in items if item.get_closest_marker("live_test_only")]
    items.sort(key=lambda item: -LONGEST.get(_name(item), 0))
    for item in items:
        if reason := EXPECTED_FAILURES.get(_name(item)):
            item.add_marker(pytest.mark.xfail(strict=True, reason=reason))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a coroutine to its end."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    asyncio.run(pyfuncitem.obj(**arguments))
    return True


def _name(item: pytest.Item) -> str:
    return getattr(item, "originalname", item.name)


def _lead_to_the_broker() -> None:
    """Have the names of namespaces lead to the broker, and have it trusted: the tests tell a client only a name."""
    certifi.where = lambda: _AUTHORITY
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(host, str) and host.endswith(_SUFFIX):
            host, port = "127.0.0.1", _PORTS[port]
        return resolve(host, port, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo
