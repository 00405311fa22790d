"""The broker: a namespace behind ports, on a thread of its own."""

import asyncio
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from tests.servicebus.access import Access
from tests.servicebus.amqp.connection import Connection
from tests.servicebus.amqp.errors import detach_forced, not_found
from tests.servicebus.amqp.links import Link
from tests.servicebus.attaching import Attaching
from tests.servicebus.faults import Fault, Faults
from tests.servicebus.namespace import Namespace, entity_path
from tests.servicebus.queue import Queue
from tests.servicebus.settings import EntitySettings
from tests.servicebus.websocket import WebSocket

T = TypeVar("T")

KEY_NAME = "RootManageSharedAccessKey"
KEY = "b25seS1mb3ItdGVzdHM="


class ServiceBusBroker:
    """One namespace. Everything public may be called from any thread, and has happened when it returns."""

    def __init__(self, tls: ssl.SSLContext | None = None, clock: Callable[[], float] = time.time) -> None:
        """With ``tls`` it listens on two more ports, one of them for WebSockets.

        Clients compare the times of locks with their own clocks, whatever ``clock`` says.
        """
        self.port = 0
        self.tls_port = 0
        self.websocket_port = 0
        self._servers: list[asyncio.Server] = []
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._namespace = Namespace(clock)
        self._access = Access({KEY_NAME: KEY}, clock)
        self._faults = Faults(self._later)
        self._attaching = Attaching(self._namespace, self._access, self._faults)
        self._connections: set[Connection] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._run, name="service bus broker", daemon=True)
        self._started = threading.Event()

    @property
    def connection_string(self) -> str:
        """For clients without TLS, which Microsoft's leave out only for what says that it is an emulator."""
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName={KEY_NAME};SharedAccessKey={KEY};"
            "UseDevelopmentEmulator=true;"
        )

    def start(self) -> None:
        """Listen on free ports."""
        self._namespace.timers.on_earlier = self._set_alarm
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Cut every connection and close the ports."""
        if self._thread.is_alive():
            self.drop_connections()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    # Entities

    def create_queue(self, name: str, settings: EntitySettings | None = None) -> None:
        """A new, empty queue in place of one of that name."""
        self._call(lambda: self._namespace.create_queue(name, settings or EntitySettings()))

    def create_topic(self, name: str, settings: EntitySettings | None = None) -> None:
        """A new topic without subscriptions in place of one of that name."""
        self._call(lambda: self._namespace.create_topic(name, settings or EntitySettings()))

    def create_subscription(self, topic: str, name: str, settings: EntitySettings | None = None) -> None:
        """A new subscription that gets everything from now on.

        Raises:
            AmqpError: there is no such topic.
        """
        self._call(lambda: self._namespace.create_subscription(topic, name, settings or EntitySettings()))

    def delete(self, name: str) -> None:
        """Forget a queue or a topic; links to it are detached."""

        def deleted() -> None:
            self._namespace.delete(name)
            for link in self._links(name):
                link.detach(not_found(name))

        self._call(deleted)

    def count(self, address: str) -> int:
        """How many messages an entity holds, in any state; ``address`` as a client would write it."""
        return self._call(lambda: self._source(address).size)

    # Misbehaviour

    def add_fault(self, fault: Fault) -> None:
        """The next operations that match go wrong."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        """Behave again."""
        self._faults.clear()

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Those still to come."""
        return self._faults.waiting

    def expire_locks(self, address: str) -> int:
        """Let every lock of an entity run out now; how many."""
        return self._call(lambda: self._source(address).expire_locks())

    def drop_connections(self) -> int:
        """Cut every connection without a word; how many."""

        def dropped() -> int:
            connections = list(self._connections)
            for connection in connections:
                connection.drop()
            return len(connections)

        return self._call(dropped)

    def detach_links(self, address: str) -> int:
        """Detach every link to an entity; how many."""

        def detached() -> int:
            links = self._links(address)
            for link in links:
                link.detach(detach_forced("The link was detached on command."))
            return len(links)

        return self._call(detached)

    # What connections call, on the broker's thread

    def connected(self, connection: Connection) -> None:
        self._connections.add(connection)

    def disconnected(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def attach(self, link: Link) -> None:
        self._attaching.attach(link)

    def _links(self, address: str) -> list[Link]:
        path = entity_path(address)
        links = [link for connection in self._connections for link in connection.links]
        return [link for link in links if f"{entity_path(link.address)}/".startswith(f"{path}/")]

    def _source(self, address: str) -> Queue:
        return self._namespace.source(address)

    def _call(self, function: Callable[[], T]) -> T:
        """Call on the broker's thread and wait for it."""
        done: Future[T] = Future()

        def called() -> None:
            try:
                done.set_result(function())
            except Exception as error:  # noqa: BLE001 it is raised where it was asked for
                done.set_exception(error)

        self._loop.call_soon_threadsafe(called)
        return done.result(timeout=30)

    def _later(self, seconds: float, function: Callable[[], None]) -> None:
        self._loop.call_later(seconds, function)

    def _set_alarm(self) -> None:
        """Have the timers run when the next of them is due."""
        if self._alarm is not None:
            self._alarm.cancel()
        due = self._namespace.timers.next_due
        if due is not None:
            self._alarm = self._loop.call_later(max(0.0, due - self._namespace.timers.now()), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._namespace.timers.run()
        self._set_alarm()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._loop.call_soon(self._started.set)
        self._loop.run_forever()
        for server in self._servers:
            server.close()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    async def _listen(self) -> None:
        def connection() -> Connection:
            return Connection(self)

        self.port = await self._serve(connection)
        if self._tls is not None:
            self.tls_port = await self._serve(connection, self._tls)
            self.websocket_port = await self._serve(lambda: WebSocket(connection), self._tls)

    async def _serve(self, protocol: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None = None) -> int:
        """Listen on a free port; which."""
        server = await self._loop.create_server(protocol, "127.0.0.1", 0, ssl=tls, backlog=512)
        self._servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port
