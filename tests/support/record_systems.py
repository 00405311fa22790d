"""Every system of record that the conformance suite runs over, each with the same few things to do to it."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from schemas.errors import OutcomeUnknown, Retry, Skip, SyncError
from schemas.row import ColumnKind, Row, Table, TableColumn, Value
from schemas.system import System
from systems.business_central import BusinessCentral
from systems.credentials import TokenEndpoint
from systems.dataverse import Dataverse
from systems.in_process import InProcessSystem, Moment
from systems.interface import Create, RecordSystem, Update, Write, Written
from systems.sandbox import BusinessCentralSettings, DataverseSettings, Sandbox, SandboxSettings
from systems.sandbox.business_central.quirks import Quirks as BusinessCentralQuirks
from systems.sandbox.dataverse.quirks import Quirks as DataverseQuirks
from systems.sandbox.faults import Fault

CONTACT_NUMBER = "contactsInformation[contactType=Company]/contactNumber"

_ids = count(1)


@dataclass(frozen=True, slots=True)
class Names:
    """What a system calls the columns that the suite uses."""

    name: str
    city: str
    amount: str
    other: str
    """A reference to a row of another table."""


class Bench(ABC):
    """One system under test.

    Attributes:
        system: as a worker has it.
        table: a table with the columns of ``names``.
        blank: what a reference that was cleared reads as.
        bad: values that the system refuses to write for good.
        user: whom the system writes as, where its events say so.
    """

    system: RecordSystem
    table: Table
    names: Names
    blank: Value
    bad: Mapping[str, Value]
    user: str

    @abstractmethod
    def later(self) -> None:
        """Let seconds go by."""

    @abstractmethod
    def clear(self) -> None:
        """Delete all rows of the table."""

    @abstractmethod
    def again(self) -> RecordSystem:
        """Another worker's instance, as after a restart."""

    @abstractmethod
    def new_target(self) -> str:
        """The id of a new row that ``names.other`` can hold."""

    @abstractmethod
    def lose_next_answer(self) -> None:
        """Let the next write be carried out without an answer."""

    @abstractmethod
    def fail_next(self, status: int, retry_after: int) -> None:
        """Let the next request be declined with this status and wait."""

    @abstractmethod
    def with_bad_secret(self, secret: str) -> RecordSystem:
        """An instance whose credentials are wrong."""

    def unknown_table(self) -> Table:
        """A table that the system does not have."""
        return replace(self.table, name="nosuchtable", path=self.table.path.replace("accounts", "nosuchtables"))

    def values(self, name: str, **more: Value) -> dict[str, Value]:
        """Values by the system's column names, given by those of :class:`Names`."""
        return {self.names.name: name} | {getattr(self.names, key): value for key, value in more.items()}

    def new(self, name: str, **more: Value) -> Create:
        """A new row, with an id where the system takes one."""
        row_id = str(UUID(int=next(_ids))) if self.system.capabilities.client_ids else None
        return Create(row_id, self.values(name, **more))

    def add(self, *names: str) -> list[Row]:
        """Rows with these names."""
        return [written(result) for result in self.system.write(self.table, [self.new(n) for n in names], tag="seed")]

    def edit(self, row_id: str, **values: Value) -> Row:
        """Somebody else's change."""
        changes = {getattr(self.names, key): value for key, value in values.items()}
        row = self.system.read(self.table, [row_id])[row_id]
        return written(self.system.write(self.table, [Update(row_id, row.version, changes)], tag="somebody")[0])


def written(result: object) -> Row:
    """The row of a write that must have happened."""
    assert isinstance(result, Written), result
    assert result.row is not None
    return result.row


class Clock:
    """Time that goes on a little whenever it is looked at, and a lot on request."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 22, 10, tzinfo=UTC)
        self._lock = threading.Lock()

    def __call__(self) -> datetime:
        with self._lock:
            self._now += timedelta(milliseconds=1)
            return self._now

    def skip(self, seconds: float) -> None:
        """Let ``seconds`` go by at once."""
        with self._lock:
            self._now += timedelta(seconds=seconds)


class InProcessBench(Bench):
    """In memory: faults are injected."""

    def __init__(self) -> None:
        self.names = Names("name", "city", "amount", "other")
        columns = [TableColumn(name) for name in ("name", "city", "amount")]
        columns.append(TableColumn("other", ColumnKind.LOOKUP, "other", "others"))
        self.table = Table("account", "accounts", "accountid", {column.name: column for column in columns})
        self.blank = None
        self.bad = {"name": "refused"}
        self.user = "worker"
        self._clock = Clock()
        self._faults: list[tuple[Moment, SyncError]] = []
        self.system = self._memory = InProcessSystem(
            System.DATAVERSE, user=self.user, clock=self._clock, fault=self._fault
        )

    def later(self) -> None:
        self._clock.skip(5)

    def clear(self) -> None:
        for row_id in self._memory.rows(self.table.name):
            self._memory.remove(self.table.name, row_id)

    def again(self) -> RecordSystem:
        return self._memory

    def new_target(self) -> str:
        return self._memory.edit("other", {}).id

    def lose_next_answer(self) -> None:
        self._faults.append((Moment.AFTER, OutcomeUnknown("lost")))

    def fail_next(self, status: int, retry_after: int) -> None:
        self._faults.append((Moment.BEFORE, Retry("busy", after=retry_after, throttled=status == 429)))

    def with_bad_secret(self, secret: str) -> RecordSystem:
        del secret  # memory takes everybody
        return self._memory

    def _fault(self, moment: Moment, _: str, write: Write | None) -> SyncError | None:
        if self._faults and self._faults[0][0] is moment:
            return self._faults.pop(0)[1]
        bad = isinstance(write, Create | Update) and write.values.get("name") == "refused"
        return Skip("refused") if bad and moment is Moment.BEFORE else None


class BusinessCentralBench(Bench):
    """Over HTTP to the sandbox: customers with their payment terms."""

    def __init__(self, sandbox: Sandbox, clock: Clock) -> None:
        self.names = Names("displayName", "city", "creditLimit", "paymentTermsId")
        columns = ("displayName", "city", "creditLimit", "paymentTermsId", CONTACT_NUMBER)
        self.table = Table("customers", "api/v2.0", "id", {name: TableColumn(name) for name in columns})
        self.blank = "00000000-0000-0000-0000-000000000000"
        self.bad = {"displayName": "x" * 101}
        self.user = ""
        self._clock = clock
        self._sandbox = sandbox
        self._remote = sandbox.business_central
        self.system = self.again()

    def later(self) -> None:
        self._clock.skip(5)

    def clear(self) -> None:
        for row in self._remote.rows("customers"):
            self._remote.delete("customers", row["id"])

    def again(self) -> RecordSystem:
        return self._open(self._sandbox.client.client_secret)

    def new_target(self) -> str:
        return str(self._remote.insert("paymentTerms", {"code": f"T{next(_ids)}"})["id"])

    def lose_next_answer(self) -> None:
        self._remote.fail(Fault("drop", method="POST", path=r"\$batch", after=True))

    def fail_next(self, status: int, retry_after: int) -> None:
        self._remote.fail(Fault(status=status, retry_after=retry_after, path=self.table.path))

    def with_bad_secret(self, secret: str) -> RecordSystem:
        return self._open(secret)

    def _open(self, secret: str) -> RecordSystem:
        scope = f"{self._remote.resource}/.default"
        credentials = TokenEndpoint(self._sandbox.token_url, self._sandbox.client.client_id, secret, scope)
        return BusinessCentral(self._remote.url, self._remote.company_id, [credentials])


class DataverseBench(Bench):
    """Over HTTP to the sandbox: accounts with their primary contacts."""

    def __init__(self, sandbox: Sandbox, clock: Clock) -> None:
        self.names = Names("name", "address1_city", "creditlimit", "primarycontactid")
        columns = [TableColumn(name) for name in ("name", "address1_city", "creditlimit")]
        columns.append(TableColumn("primarycontactid", ColumnKind.LOOKUP, "primarycontactid", "contacts"))
        self.table = Table("account", "accounts", "accountid", {column.name: column for column in columns})
        self.blank = None
        self.bad = {"name": "x" * 161}
        self.user = sandbox.client.user.id
        self._clock = clock
        self._sandbox = sandbox
        self._remote = sandbox.dataverse
        self.system = self.again()

    def later(self) -> None:
        self._clock.skip(5)

    def clear(self) -> None:
        for row in self._remote.rows("accounts"):
            self._remote.delete("accounts", row["accountid"])

    def again(self) -> RecordSystem:
        return self._open(self._sandbox.client.client_secret)

    def new_target(self) -> str:
        return str(self._remote.insert("contacts", {"lastname": f"Contact {next(_ids)}"})["contactid"])

    def lose_next_answer(self) -> None:
        self._remote.fail(Fault("drop", method="POST", path=r"\$batch", after=True))

    def fail_next(self, status: int, retry_after: int) -> None:
        self._remote.fail(Fault(status=status, retry_after=retry_after, path="/api/data/"))

    def with_bad_secret(self, secret: str) -> RecordSystem:
        return self._open(secret)

    def _open(self, secret: str) -> RecordSystem:
        scope = f"{self._remote.resource}/.default"
        credentials = TokenEndpoint(self._sandbox.token_url, self._sandbox.client.client_id, secret, scope)
        return Dataverse(self._remote.url, [credentials])


OTHER_BUSINESS_CENTRAL = BusinessCentralQuirks(
    duplicate_key_status=409,
    missing_row_status=400,
    missing_row_code="Internal_RecordNotFound",
    stale_etag_status=412,
    encoded_options=False,
    throttling_names_a_wait=True,
    delete_needs_etag=True,
    batch_headers_in_lower_case=True,
)

BENCHES = {
    "in_process": "in_process",
    "business_central": "business_central",
    "business_central_otherwise": "business_central",
    "dataverse": "dataverse",
    "dataverse_without_codes": "dataverse",
}
"""The benches by name, each with the kind of system it is."""


@contextmanager
def open_bench(name: str) -> Iterator[Bench]:
    """The bench of this name, empty."""
    if name == "in_process":
        yield InProcessBench()
        return
    clock = Clock()
    central = OTHER_BUSINESS_CENTRAL if name == "business_central_otherwise" else BusinessCentralQuirks()
    settings = SandboxSettings(
        clock=clock,
        business_central=BusinessCentralSettings(quirks=central),
        dataverse=DataverseSettings(quirks=DataverseQuirks(error_codes=name != "dataverse_without_codes")),
    )
    make = BusinessCentralBench if BENCHES[name] == "business_central" else DataverseBench
    with Sandbox(settings) as sandbox:
        bench = make(sandbox, clock)
        try:
            yield bench
        finally:
            bench.system.close()
