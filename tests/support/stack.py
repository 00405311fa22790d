"""The whole product over real HTTP: both systems, the web receiver, workers on a message log, the ledger.

Everything runs in threads of this process, on free ports; workers and receiver in processes where that is asked for.
Rows are made and read in the sandbox's systems directly, as their users do; what lies between the two systems is the
product as it ships.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2
from httpx2 import codes
from sqlalchemy import Engine

from console.composition import Composition
from console.sandbox_settings import UNLIMITED
from console.web_server import WebServer
from engine.ledger import couplings, dead_letters, open_operations
from engine.ledger.clock import utc_now
from engine.ledger.couplings import Coupling
from engine.ledger.database import open_database, read
from engine.ledger.dead_letters import KeptDeadLetter
from engine.ledger.open_operations import OpenOperation
from producers.context import ProducerContext
from schemas import mapping_file
from schemas.features import Features, Ownership
from schemas.mapping_file import LoadedMappings, Source
from schemas.settings import (
    BusinessCentral,
    Credentials,
    Database,
    Dataverse,
    Kafka,
    Receiver,
    ServiceBus,
    ServiceBusSource,
    Settings,
    Topics,
    Worker,
)
from systems.sandbox import BusinessCentralSettings, DataverseSettings, Sandbox, SandboxSettings
from systems.sandbox.business_central.subscriptions import WebhookSettings
from systems.sandbox.dataverse.service_endpoint import LARGEST_MESSAGE, ServiceEndpoint
from systems.sandbox.dataverse.webhooks import EventSettings, Webhook
from systems.sandbox.exchange import Part
from systems.sandbox.latency import Latency
from systems.sandbox.limits import Limits
from systems.tls import tls_context
from tests.servicebus.settings import EntitySettings
from tests.support.eventually import eventually
from tests.support.service_bus import ServiceBusNamespace
from tests.support.settings_files import write_settings
from tests.support.topic_progress import EmbeddedProgress, KafkaProgress, TopicProgress
from tests.support.worker_process import Systems, Through, WorkerProcess, soon
from tests.support.worker_program import WorkerProgram

SOON = 0.02
"""Seconds from a change to its notification."""

SHORT_LOCK = 2.0
"""Seconds that a message on Service Bus is lost for with a connection."""

WEBHOOK_KEY = "key-of-the-webhook"
CLIENT_STATE = "state-of-the-client"


@dataclass(frozen=True, slots=True)
class Programs:
    """Workers and receiver as ``twinrow run`` and ``twinrow receive``, processes of their own.

    Attributes:
        folder: for their settings, and for what they say.
        workers: how many.
    """

    folder: Path
    workers: int = 3


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What differs from stack to stack.

    Attributes:
        mappings: files.
        collection_threshold: changes at once beyond which Business Central notifies of a table and not of rows.
        partitions: of the topic.
        kafka: address of the cluster that has the topic; ``None``: the embedded log has it.
        name: of topic and group on it.
        session_timeout: seconds after which Kafka takes a worker for dead.
        programs: processes; ``None``: one worker and the receiver, in threads.
        service_bus: where Dataverse posts to, into a queue of the stack's own; ``None``: it posts to the receiver.
        clock: of both systems and of the product.
    """

    mappings: tuple[Source, ...]
    ownership: Ownership = "team"
    local_currency: str = "EUR"
    collection_threshold: int = 1000
    partitions: int = 2
    kafka: str | None = None
    name: str = "twinrow"
    session_timeout: float = 45.0
    programs: Programs | None = None
    service_bus: ServiceBusNamespace | None = None
    clock: Callable[[], datetime] = utc_now

    def sandbox(self) -> Sandbox:
        """Systems with their real behaviour, except that they notify at once."""
        webhooks = WebhookSettings(delay=SOON, retry_factor=0.001, collection_threshold=self.collection_threshold)
        return Sandbox(
            SandboxSettings(
                clock=self.clock,
                business_central=BusinessCentralSettings(webhooks=webhooks, local_currency=self.local_currency),
                dataverse=DataverseSettings(events=EventSettings(delay=SOON, jitter=0.0, retry_delay=SOON)),
            )
        )


class Stack:
    """See the module's docstring. Has no worker until one is started."""

    def __init__(self, database_url: str, arrangement: Arrangement) -> None:
        """``database_url``: of a migrated database."""
        self.sandbox = arrangement.sandbox()
        self.bc, self.dv = self.sandbox.business_central, self.sandbox.dataverse
        self.processes: list[WorkerProcess | WorkerProgram] = []
        self._arrangement = arrangement
        self._database_url = database_url
        self._closing = ExitStack()
        if arrangement.service_bus is not None:
            arrangement.service_bus.create_queue(self.queue, EntitySettings(lock_duration=SHORT_LOCK))

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.enter_context(self.sandbox)
            starting.callback(self.database.dispose)
            self.composition = starting.enter_context(self._composition())
            self.composition.prepare()
            self._progress = self._look_at_topic()
            starting.callback(self._progress.close)
            starting.callback(self._stop_workers)
            self._start_receiver(starting)
            self._subscribe(starting)
            self._closing = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.__exit__(kind, error, trace)

    @cached_property
    def settings(self) -> Settings:
        """As every process of the product has them; known from the start of the sandbox on."""
        client, arrangement = self.sandbox.client, self._arrangement
        bus = arrangement.service_bus
        main = Credentials(
            tenant=self.sandbox.settings.tenant,
            client_id=client.client_id,
            client_secret=client.client_secret,
            token_url=self.sandbox.token_url,
        )
        return Settings(
            database=Database(url=self._database_url.replace("postgresql://", "postgresql+psycopg://")),
            topics=Topics(
                broker="kafka" if arrangement.kafka else "embedded",
                changes=f"{arrangement.name}.changes",
                partitions=arrangement.partitions,
            ),
            kafka=self._kafka,
            service_bus=ServiceBus(connection_string=bus.connection_string) if bus else None,
            sources=(ServiceBusSource(broker="service_bus", queue=self.queue),) if bus else (),
            worker=Worker(threads=4, group=arrangement.name),
            receiver=Receiver(port=0, client_state=CLIENT_STATE, webhook_key=WEBHOOK_KEY),
            business_central=BusinessCentral(
                url=self.bc.url,
                company=self.bc.company_id,
                credentials={"main": main},
                requests_per_5_minutes=UNLIMITED,
            ),
            dataverse=Dataverse(
                url=self.dv.url,
                credentials={"main": main},
                ownership=arrangement.ownership,
                team=self.dv.team_id,
                company=self.dv.company_row_id,
                requests_per_5_minutes=UNLIMITED,
            ),
            mappings=arrangement.mappings,
        )

    @property
    def _kafka(self) -> Kafka | None:
        arrangement = self._arrangement
        if arrangement.kafka is None:
            return None
        servers = tuple(arrangement.kafka.split(","))
        return Kafka(bootstrap_servers=servers, session_timeout=arrangement.session_timeout)

    @cached_property
    def database(self) -> Engine:
        """The ledger's, of all processes, and for looking."""
        return open_database(self.settings.database.connection_url())

    @property
    def queue(self) -> str:
        """What Dataverse posts to on Service Bus."""
        return f"{self._arrangement.name}-dataverse"

    @property
    def producer_context(self) -> ProducerContext:
        """For producers that a test carries out itself."""
        return self.composition.producers

    @property
    def running(self) -> list[WorkerProcess | WorkerProgram]:
        """Workers that have not ended."""
        return [process for process in self.processes if process.alive]

    @contextmanager
    def workers_away(self) -> Iterator[None]:
        """No worker does anything meanwhile. Processes are only held up: their group does not notice."""
        if self._arrangement.programs is None:
            for process in self.running:
                process.stop()
            yield
            self.start_worker()
            return
        held_up = [process for process in self.running if isinstance(process, WorkerProgram)]
        for process in held_up:
            process.pause()
        yield
        for process in held_up:
            process.resume()

    def start_workers(self, **environ: str) -> None:
        """As many workers as there are at rest; those that run already count. ``environ``: more for processes."""
        programs = self._arrangement.programs
        if programs is None:
            if not self.running:
                self.start_worker()
            return
        missing = programs.workers - len(self.running)
        started = [self.start_program("run", **environ) for _ in range(missing)]
        self.processes += started
        for program in started:
            program.wait_until_ready()

    def start_program(self, *arguments: str, **environ: str) -> WorkerProgram:
        """``twinrow`` with the settings of the stack, changed by ``environ``; whoever starts it stops it."""
        programs = self._arrangement.programs
        assert programs is not None, "this stack has no processes"
        file = programs.folder / f"{self._arrangement.name}.yaml"
        return WorkerProgram(file, {**write_settings(self.settings, file), **environ}, *arguments)

    def start_worker(self, *, through: Through | None = None, mappings: Source | None = None) -> WorkerProcess:
        """Another worker, in threads.

        Args:
            through: wraps its systems, to meddle with what it does.
            mappings: instead of those of the stack.
        """
        composition = self._composition(mappings=mappings)
        if through is not None:
            composition = self._composition(through(composition.systems), mappings)
        process = WorkerProcess(composition, plain=through is None and mappings is None)
        self.processes.append(process)
        process.start()
        return process

    def deliver(self, within: float = 20.0) -> None:
        """Wait until both systems have notified of everything that happened; for while no worker runs."""
        assert self.bc.wait_until_delivered(within)
        assert self.dv.wait_until_delivered(within)

    def settle(self, within: float = 20.0) -> None:
        """Wait until all is at rest: everything is notified, read, carried out, and nothing follows."""
        eventually(self._at_rest, within)

    def tidy(self) -> None:
        """As it was at first, except for rows and ledger: at rest, no faults, nothing on record, its workers."""
        for system in (self.bc, self.dv):
            system.faults.clear()
            system.set_latency(Latency())
            system.set_limits(Limits())
        programs = self._arrangement.programs
        if [process.plain for process in self.running] != [True] * (programs.workers if programs else 1):
            self._stop_workers()
            self.start_workers()
        self.settle()
        self.forget_requests()

    def couplings(self, mapping: str) -> list[Coupling]:
        """All couplings of a mapping."""
        with read(self.database) as connection:
            return couplings.page(connection, mapping, 0, 100_000)

    def open_operations(self, record_id: str = "") -> list[OpenOperation]:
        """Whatever has not arrived, of all records or of one."""
        with read(self.database) as connection:
            found = open_operations.listed(connection, mapping=None, status=None, limit=100_000)
        return [entry for entry in found if record_id in ("", entry.key.record_id)]

    def dead_letters(self) -> list[KeptDeadLetter]:
        """Whatever could not be read."""
        with read(self.database) as connection:
            return dead_letters.listed(connection)

    def writes(self, table: str = "") -> list[Part]:
        """Writes that either system carried out over its API, to paths that contain ``table``."""
        return [
            part
            for system in (self.bc, self.dv)
            for part in system.requests.operations(path=table)
            if part.method != "GET" and "$batch" not in part.url and codes.is_success(part.status)
        ]

    def forget_requests(self) -> None:
        """Count from here."""
        self.bc.requests.clear()
        self.dv.requests.clear()

    def requests(self) -> int:
        """Requests that reached either system."""
        return self.bc.requests.count + self.dv.requests.count

    def _at_rest(self) -> bool:
        if not self._is_quiet():
            return False  # the database is asked only then
        before = self._moves()
        return self._progress.lag() == 0 and self._is_quiet() and self._moves() == before

    def _is_quiet(self) -> bool:
        delivered = self.bc.wait_until_delivered(0) and self.dv.wait_until_delivered(0)
        bus = self._arrangement.service_bus
        delivered = delivered and (bus is None or bus.count(self.queue) == 0)
        return delivered and all(process.idle for process in self.running)

    def _moves(self) -> tuple[int, int]:
        return self.requests(), self._progress.published()

    def _look_at_topic(self) -> TopicProgress:
        if self._arrangement.kafka:
            return KafkaProgress(self._arrangement.kafka, self.settings)
        return EmbeddedProgress(self.database, self.settings.worker.group)

    def _composition(self, systems: Systems | None = None, mappings: Source | None = None) -> Composition:
        settings = self.settings.model_copy(update={"mappings": (mappings,)}) if mappings else self.settings
        composition = Composition(settings, clock=self._arrangement.clock, wait=soon, systems=systems)
        # Reading mappings, and compiling statements for a database afresh, take longer than most tests.
        composition.loaded = _load(settings.mappings, settings.features)
        composition.database = self.database
        return composition

    def _start_receiver(self, starting: ExitStack) -> None:
        if self._arrangement.programs is not None:
            receiver = self.start_program("receive")
            starting.callback(receiver.stop)
            found = re.search(r"receiver\W+(http://[\d.:]+)", receiver.wait_until_ready())
            assert found
            self.receiver_url = found[1]
            return
        app = starting.enter_context(self._composition()).receiver_app()
        self.receiver_url = starting.enter_context(WebServer(app, "127.0.0.1", 0)).url

    def _subscribe(self, starting: ExitStack) -> None:
        mappings = self.composition.loaded.mappings.mappings
        tables = frozenset(one.dataverse.table for one in mappings)
        if self._arrangement.service_bus is None:
            self.dv.register(Webhook(f"{self.receiver_url}/dataverse?code={WEBHOOK_KEY}", tables=tables))
        else:
            self.dv.register(Webhook(tables=tables, largest_body=LARGEST_MESSAGE), self._endpoint(starting))
        token = self.sandbox.tokens.issue(self.sandbox.client.user, self.bc.resource)
        with httpx2.Client(trust_env=False, verify=tls_context(), headers={"authorization": f"Bearer {token}"}) as http:
            for api, table in dict.fromkeys((one.business_central.api, one.business_central.table) for one in mappings):
                subscription = {
                    "notificationUrl": f"{self.receiver_url}/business-central",
                    "resource": f"api/{api}/companies({self.bc.company_id})/{table}",
                    "clientState": CLIENT_STATE,
                }
                answer = http.post(f"{self.bc.url}/api/{api}/subscriptions", json=subscription)
                assert answer.status_code == 201, answer.text

    def _endpoint(self, starting: ExitStack) -> ServiceEndpoint:
        bus = self._arrangement.service_bus
        assert bus is not None
        endpoint = ServiceEndpoint(bus.connection_string, self.queue)
        starting.callback(endpoint.close)
        return endpoint

    def _stop_workers(self) -> None:
        for process in self.running:
            process.ask_to_stop()
        for process in self.processes:
            process.stop()


@cache
def _load(sources: tuple[Source, ...], features: Features) -> LoadedMappings:
    return mapping_file.load(sources, features)
