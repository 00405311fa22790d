"""The whole product over real HTTP: both systems, the web receiver, workers on the embedded log, the ledger.

Everything runs in threads of this process, on free ports. Rows are made and read in the sandbox's systems directly, as
their users do; what lies between the two systems is the product as it ships.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from threading import Event, Thread
from types import TracebackType
from typing import Self

import httpx2
from sqlalchemy import Engine, and_, func, select

from console.composition import Composition
from consumers.worker import Worker
from engine.ledger import couplings, dead_letters, open_operations
from engine.ledger.clock import utc_now
from engine.ledger.couplings import Coupling
from engine.ledger.database import read
from engine.ledger.dead_letters import KeptDeadLetter
from engine.ledger.log_tables import LogPartition, LogPosition
from engine.ledger.open_operations import OpenOperation
from engine.local_currency import LocalCurrency
from producers.context import ProducerContext
from producers.sweep import Sweep
from schemas.features import Ownership
from schemas.mapping_file import Source
from schemas.settings import BusinessCentral, Credentials, Database, Dataverse, Receiver, Settings, Topics
from schemas.settings import Worker as WorkerSettings
from schemas.system import System
from systems.interface import RecordSystem
from systems.sandbox import BusinessCentralSettings, DataverseSettings, Sandbox, SandboxSettings
from systems.sandbox.business_central.subscriptions import WebhookSettings
from systems.sandbox.dataverse.webhooks import EventSettings, Webhook
from systems.sandbox.exchange import Part
from systems.sandbox.http_server import HttpServer
from tests.support.eventually import eventually

SOON = 0.02
"""Seconds from a change to its notification."""

WEBHOOK_KEY = "key-of-the-webhook"
CLIENT_STATE = "state-of-the-client"

Systems = Mapping[System, RecordSystem]


def quick_sandbox(
    *, webhooks: WebhookSettings | None = None, clock: Callable[[], datetime] = utc_now, local_currency: str = "EUR"
) -> Sandbox:
    """The real behaviour, except that it notifies at once."""
    return Sandbox(
        SandboxSettings(
            clock=clock,
            business_central=BusinessCentralSettings(
                webhooks=webhooks or WebhookSettings(delay=SOON, retry_factor=0.001), local_currency=local_currency
            ),
            dataverse=DataverseSettings(events=EventSettings(delay=SOON, jitter=0.0, retry_delay=SOON)),
        )
    )


@dataclass(eq=False)
class Process:
    """One worker process: its objects, and the thread that stands for it."""

    composition: Composition
    worker: Worker
    thread: Thread
    errors: list[BaseException] = field(default_factory=list)

    def stop(self) -> None:
        """As SIGTERM does; returns when it has ended in order."""
        self.worker.stop()
        self.thread.join(30.0)
        assert not self.thread.is_alive(), "the worker does not end"
        self.composition.__exit__(None, None, None)
        assert not self.errors, self.errors


class Stack:
    """See the module's docstring.

    Args:
        database_url: of a migrated database.
        sandbox: started by the stack.
        company, team: whether rows of Dataverse are stamped and owned, as the settings can ask.
        partitions: of the topic.
    """

    def __init__(
        self,
        database_url: str,
        mappings: Sequence[Source],
        *,
        sandbox: Sandbox | None = None,
        ownership: Ownership = "team",
        partitions: int = 2,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.sandbox = sandbox or quick_sandbox(clock=clock)
        self.bc, self.dv = self.sandbox.business_central, self.sandbox.dataverse
        self.clock = clock
        self.processes: list[Process] = []
        self._closing = ExitStack()
        self._ended = Event()
        self._database_url, self._mappings = database_url, tuple(mappings)
        self._ownership, self._partitions = ownership, partitions

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.enter_context(self.sandbox)
            self.composition = starting.enter_context(self._composition())
            self.composition.prepare()
            self._start_receiver(starting)
            self._subscribe()
            starting.callback(self._stop_workers)
            starting.callback(self._ended.set)
            self._closing = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.__exit__(kind, error, trace)

    @property
    def database(self) -> Engine:
        """The ledger's, for looking."""
        return self.composition.database

    @property
    def running(self) -> list[Process]:
        """Worker processes that have not been stopped."""
        return [process for process in self.processes if process.thread.is_alive()]

    def start_worker(self, *, through: Callable[[Systems], Systems] | None = None) -> Process:
        """Another worker process. ``through`` wraps its systems, to meddle with what it does."""
        composition = self._composition(through)
        context = self.producer_context(composition)
        LocalCurrency(
            None,
            composition.plans,
            composition.systems,
            composition.database,
            clock=composition.clock,
            new_id=composition.new_id,
        ).couple()
        worker = composition.worker(Sweep(context))
        errors: list[BaseException] = []

        def run() -> None:
            try:
                worker.run()
            except Exception as error:  # noqa: BLE001 - shown when the process is stopped
                errors.append(error)

        process = Process(composition, worker, Thread(target=run, name=f"worker-{len(self.processes)}"), errors)
        self.processes.append(process)
        process.thread.start()
        return process

    def producer_context(self, composition: Composition | None = None) -> ProducerContext:
        """What runs and sweeps work with; their waits are short."""
        objects = composition or self.composition
        return ProducerContext(
            objects.database,
            objects.loaded.mappings,
            objects.systems,
            objects.publisher,
            objects.topic,
            objects.clock,
            objects.new_id,
            lambda seconds: void(self._ended.wait(min(seconds, SOON))),
        )

    def settle(self, within: float = 20.0) -> None:
        """Wait until all is at rest: everything is notified, read, carried out, and nothing follows."""
        eventually(self._at_rest, within)

    def couplings(self, mapping: str) -> list[Coupling]:
        """All couplings of a mapping."""
        with read(self.database) as connection:
            return couplings.page(connection, mapping, 0, 100_000)

    def open_operations(self) -> list[OpenOperation]:
        """Whatever has not arrived."""
        with read(self.database) as connection:
            return open_operations.listed(connection, mapping=None, status=None, limit=100_000)

    def dead_letters(self) -> list[KeptDeadLetter]:
        """Whatever could not be read."""
        with read(self.database) as connection:
            return dead_letters.listed(connection)

    def writes(self, table: str = "") -> list[Part]:
        """Writes of rows that reached either system over its API, to paths that contain ``table``."""
        return [
            part
            for system in (self.bc, self.dv)
            for part in system.requests.operations(path=table)
            if part.method != "GET" and "$batch" not in part.url and "subscriptions" not in part.url
        ]

    def forget_requests(self) -> None:
        """Count from here."""
        self.bc.requests.clear()
        self.dv.requests.clear()

    def requests(self) -> int:
        """Requests that reached either system."""
        return self.bc.requests.count + self.dv.requests.count

    def _at_rest(self) -> bool:
        before = self._moves()
        return (
            self.bc.wait_until_delivered(0)
            and self.dv.wait_until_delivered(0)
            and all(process.worker.idle for process in self.running)
            and self._lag() == 0
            and self._moves() == before
        )

    def _moves(self) -> tuple[int, int]:
        with read(self.database) as connection:
            return self.requests(), connection.execute(select(func.sum(LogPartition.next_offset))).scalar_one()

    def _lag(self) -> int:
        of_group = and_(LogPosition.partition_id == LogPartition.id, LogPosition.group_name == self.settings.worker.group)
        behind = LogPartition.next_offset - func.coalesce(LogPosition.position, LogPartition.first_offset)
        with read(self.database) as connection:
            return connection.execute(select(func.sum(behind)).outerjoin(LogPosition, of_group)).scalar_one()

    def _composition(self, through: Callable[[Systems], Systems] | None = None) -> Composition:
        composition = Composition(self.settings, clock=self.clock)
        if through is None:
            return composition
        return Composition(self.settings, clock=self.clock, systems=through(composition.systems))

    def _start_receiver(self, starting: ExitStack) -> None:
        app = starting.enter_context(Composition(self.settings, clock=self.clock)).receiver_app()
        server = HttpServer(lambda _: app, host="127.0.0.1", port=0)
        starting.callback(server.stop)
        server.start()
        self.receiver_url = server.url

    def _subscribe(self) -> None:
        mappings = self.composition.loaded.mappings.mappings
        for api, table in dict.fromkeys((one.business_central.api, one.business_central.table) for one in mappings):
            self._subscribe_to(api, table)
        tables = frozenset(one.dataverse.table for one in mappings)
        self.dv.register(Webhook(f"{self.receiver_url}/dataverse?code={WEBHOOK_KEY}", tables=tables))

    def _subscribe_to(self, api: str, table: str) -> None:
        subscription = {
            "notificationUrl": f"{self.receiver_url}/business-central",
            "resource": f"api/{api}/companies({self.bc.company_id})/{table}",
            "clientState": CLIENT_STATE,
        }
        token = self.sandbox.tokens.issue(self.sandbox.client.user, self.bc.resource)
        headers = {"authorization": f"Bearer {token}"}
        with httpx2.Client(trust_env=False) as http:
            answer = http.post(f"{self.bc.url}/api/{api}/subscriptions", json=subscription, headers=headers)
        assert answer.status_code == 201, answer.text

    def _stop_workers(self) -> None:
        for process in self.running:
            process.worker.stop()
        for process in self.running:
            process.stop()

    @cached_property
    def settings(self) -> Settings:
        """As every process of the product has them; known from the start of the sandbox on."""
        client = self.sandbox.client
        main = Credentials(
            tenant=self.sandbox.settings.tenant,
            client_id=client.client_id,
            client_secret=client.client_secret,
            token_url=self.sandbox.token_url,
        )
        return Settings(
            database=Database(url=self._database_url.replace("postgresql://", "postgresql+psycopg://")),
            topics=Topics(partitions=self._partitions),
            worker=WorkerSettings(threads=4),
            receiver=Receiver(client_state=CLIENT_STATE, webhook_key=WEBHOOK_KEY),
            business_central=BusinessCentral(
                url=self.bc.url, company=self.bc.company_id, credentials={"main": main}
            ),
            dataverse=Dataverse(
                url=self.dv.url,
                credentials={"main": main},
                ownership=self._ownership,
                team=self.dv.team_id,
                company=self.dv.company_row_id,
            ),
            mappings=self._mappings,
        )


def void(_: object) -> None:
    """For a function that is to answer nothing."""
