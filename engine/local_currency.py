"""The company's local currency, coupled like any other.

Business Central's table of currencies does not hold it: rows in the local currency have its code, and a zero id. With a
coupling of its own that stands for no row, references to it need no special case.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Engine

from engine.creating import derived_id
from engine.intake import our_tag
from engine.ledger import couplings
from engine.ledger.couplings import Coupling
from engine.ledger.database import read
from engine.ledger.open_operations import OpenOperation
from engine.ledger.recording import Recording
from engine.plan import Plan, Plans
from engine.references import ZERO_ID
from engine.release import event_of
from schemas.change_event import ChangeEvent
from schemas.errors import Reread, RereadReason, Retry, Skip
from schemas.mapping import ColumnType
from schemas.row import Table, TableColumn, Value
from schemas.system import Direction, System
from systems.interface import Create, RecordSystem, Refused, Written

_CURRENCIES = "currencies"
_COMPANY_INFORMATION = Table("companyInformation", "api/v2.0", "id", {"currencyCode": TableColumn("currencyCode")})


def local_currency_code(business_central: RecordSystem) -> str | None:
    """The code of the local currency, as the company's information has it; ``None`` where that does not tell.

    Raises:
        Retry, Stop: of reading.
    """
    try:
        business_central.columns(_COMPANY_INFORMATION)
    except Skip:
        return None
    rows = business_central.scan(_COMPANY_INFORMATION, since=None, cursor=None, page_size=1).rows
    code = str(rows[0].values["currencyCode"] or "").strip().upper() if rows else ""
    return code or None


class LocalCurrency:
    """Couples the local currency. Idempotent, and safe in several workers at once.

    Args:
        code: ISO code; ``None``: as the company's information has it.
    """

    def __init__(
        self,
        code: str | None,
        plans: Plans,
        systems: Mapping[System, RecordSystem],
        database: Engine,
        *,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._code = code
        self._plans = plans
        self._systems = systems
        self._database = database
        self._clock = clock
        self._new_id = new_id

    def couple(self) -> Coupling | None:
        """The local currency's coupling, made where there is none; what waited for it is released through the outbox.

        ``None`` where there is nothing to couple: no mapping takes currencies, nobody knows the code, or Business
        Central's currencies have a row for it, which is coupled as such.

        Raises:
            Retry, Stop: of systems or database.
            Skip: Dataverse refuses the currency, has several of it, or has it coupled to another row.
        """
        plan = _plan_of_currencies(self._plans)
        code = self._code or (local_currency_code(self._systems[System.BUSINESS_CENTRAL]) if plan else None)
        if plan is None or code is None:
            return None
        coupled = self._coupled(plan)
        if coupled is not None and coupled.bc_key == code:
            return coupled
        table, key = plan.tables[System.BUSINESS_CENTRAL], plan.mapping.business_central.referenced_by or ""
        (rows,) = self._systems[System.BUSINESS_CENTRAL].find(table, [{key: code}])
        return None if rows else self._record(plan, coupled, code, self._currency(plan, key, code))

    def _coupled(self, plan: Plan) -> Coupling | None:
        with read(self._database) as connection:
            return couplings.load(connection, plan.name, System.BUSINESS_CENTRAL, [ZERO_ID]).get(ZERO_ID)

    def _currency(self, plan: Plan, key: str, code: str) -> str:
        """The id of Dataverse's currency, which is created where it is missing."""
        dataverse, table = self._systems[System.DATAVERSE], plan.tables[System.DATAVERSE]
        column = next(one.column.dataverse_name or "" for one in plan.columns if one.column.business_central == key)
        (rows,) = dataverse.find(table, [{column: code}])
        if len(rows) > 1:
            ids = ", ".join(row.id for row in rows)
            raise Skip(f"Dataverse has several currencies {code}: {ids}; leave one of them", code="ambiguous_match")
        if rows:
            return rows[0].id
        row_id = derived_id(plan.name, ZERO_ID, 0)  # so that of two workers one meets the other's row
        (result,) = dataverse.write(
            table, [Create(row_id, _values(plan, code))], tag=our_tag(plan.name, self._new_id())
        )
        match result:
            case Written():
                return row_id
            case Refused(Reread(reason=RereadReason.EXISTS)):
                return row_id
            case Refused(error):
                raise error

    def _record(self, plan: Plan, before: Coupling | None, code: str, currency: str) -> Coupling | None:
        coupling = Coupling(plan.name, bc_id=ZERO_ID, dv_id=currency, bc_key=code)
        recording = Recording(
            removed=[before] if before else [], added=[coupling], releases=self._plans.waiting_keys(coupling)
        )
        try:
            recording.commit(self._database, self._clock(), self._released, (), durable=True)
        except Retry as error:
            if error.code != "coupling_moved":
                raise
            coupled = self._coupled(plan)
            if coupled is None or coupled.dv_id != currency:
                text = f"Dataverse's currency {code} ({currency}) is coupled to another row; remove that coupling"
                raise Skip(text, code="currency_taken") from error
            return coupled
        return coupling

    def _released(self, entry: OpenOperation) -> ChangeEvent:
        return event_of(entry, self._plans, event_id=self._new_id(), now=self._clock())


def _plan_of_currencies(plans: Plans) -> Plan | None:
    of_table = plans.of_table(System.BUSINESS_CENTRAL, _CURRENCIES)
    return next((plan for plan in of_table if plan.mapping.business_central.referenced_by), None)


def _values(plan: Plan, code: str) -> dict[str, Value]:
    """What the mapping writes for a currency of which nothing but the code is known; that stands for its name, too."""
    values: dict[str, Value] = {}
    for column in plan.flowing(Direction.TO_DATAVERSE):
        is_text = column.column.type in (ColumnType.TEXT, ColumnType.CODE) and column.column.reference is None
        if column.column.business_central is None:
            value = column.read[System.DATAVERSE](column.column.constant)
        else:
            value = column.read[System.BUSINESS_CENTRAL](code if is_text else None)
        written = column.write[System.DATAVERSE](value)
        if written is not None:
            values[column.column.dataverse_name or ""] = written
    return values
