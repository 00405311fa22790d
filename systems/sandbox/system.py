"""What both systems of the sandbox have: a server, knobs, a request log, deliveries."""

import httpx2

from systems.sandbox.courier import Courier
from systems.sandbox.faults import Fault, Faults
from systems.sandbox.gate import Admin, Api, Gate, Knobs
from systems.sandbox.http_server import AbortConnection, HttpServer
from systems.sandbox.latency import Delays, Latency
from systems.sandbox.limits import Limits, Throttle
from systems.sandbox.request_log import RequestLog
from systems.sandbox.store import Store
from systems.sandbox.tokens import TokenIssuer
from systems.tls import tls_context


class SandboxSystem:
    """One system, from its store to its port. Subclasses build the API."""

    def __init__(
        self,
        name: str,
        *,
        host: str,
        port: int,
        tokens: TokenIssuer,
        store: Store,
        limits: Limits,
        latency: Latency,
        longest_url: int,
        foreign_resources: tuple[str, ...],
        delivery_workers: int,
    ) -> None:
        self.store = store
        self.requests = RequestLog()
        self.faults = Faults()
        self._tokens = tokens
        self._knobs = Knobs(Throttle(limits, store.clock), Delays(latency), self.faults, self.requests)
        self._longest_url = longest_url
        self._foreign_resources = foreign_resources
        self._courier = Courier(name, workers=delivery_workers)
        self._client = httpx2.Client(trust_env=False, verify=tls_context())
        self._server = HttpServer(self._application, host=host, port=port)

    def _build(self) -> tuple[Api, Admin]:
        raise NotImplementedError

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return self._server.url

    @property
    def resource(self) -> str:
        """What token scopes begin with: ``{resource}/.default``."""
        return self._server.url

    def start(self) -> None:
        self._server.start()

    def ask_to_stop(self) -> None:
        """Begin to close the port, without waiting for it."""
        self._server.ask_to_stop()

    def stop(self) -> None:
        """Close the port, and drop deliveries that wait. Idempotent."""
        self._server.stop()
        self._courier.close()
        self._client.close()

    def fail(self, fault: Fault) -> None:
        """Let the next requests that match fail."""
        self.faults.add(fault)

    def set_limits(self, limits: Limits) -> None:
        """From now on, starting to count afresh."""
        self._knobs.throttle = Throttle(limits, self.store.clock)

    def set_latency(self, latency: Latency) -> None:
        self._knobs.delays = Delays(latency)

    def deliver_now(self) -> None:
        """Send out what waits, without further delay."""
        self._courier.hurry()

    def wait_until_delivered(self, within: float) -> bool:
        """Wait until nothing is waiting to be sent; False when that takes longer than ``within`` seconds."""
        return self._courier.wait_until_idle(within)

    def _application(self, abort: AbortConnection) -> Gate:
        api, admin = self._build()
        resources = (self.resource, *self._foreign_resources)
        return Gate(api, admin, self._tokens, resources, self._knobs, self.store.clock, self._longest_url, abort)
