from datetime import UTC, datetime, timedelta

import pytest

from schemas.errors import OutcomeUnknown, Reread, RereadReason
from schemas.row import ColumnKind, Table, TableColumn, Value
from schemas.system import System
from systems.in_process import ChangeKind, InProcessSystem, Moment
from systems.interface import Create, Delete, Refused, Update, Write, Written

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
ACCOUNTS = Table("account", "accounts", "accountid", {"name": TableColumn("name"), "city": TableColumn("city")})
NAMES = Table("account", "accounts", "accountid", {"name": TableColumn("name"), "fax": TableColumn("fax")})


class Crash(BaseException):
    """The process dies."""


def test_every_change_is_heard_of_in_order_with_its_author() -> None:
    heard: list[tuple[ChangeKind, str, str, str, str]] = []
    system = InProcessSystem(System.DATAVERSE, user="worker", on_change=lambda *change: heard.append(change))
    created = system.write(ACCOUNTS, [Create("a", {"name": "Nord"})], tag="t1")[0]
    assert isinstance(created, Written)
    assert created.row is not None
    system.write(ACCOUNTS, [Update("a", created.row.version, {"name": "Sør"})], tag="t2")
    edited = system.edit("account", {"city": "Bergen"}, row_id="a", user="kari")
    system.write(ACCOUNTS, [Delete("a", edited.version)], tag="t3")
    assert heard == [
        (ChangeKind.CREATED, "account", "a", "t1", "worker"),
        (ChangeKind.UPDATED, "account", "a", "t2", "worker"),
        (ChangeKind.UPDATED, "account", "a", "", "kari"),
        (ChangeKind.DELETED, "account", "a", "t3", "worker"),
    ]


def test_who_hears_of_a_change_may_read_it() -> None:
    system = InProcessSystem(System.DATAVERSE)
    seen: list[Value] = []
    system.on_change = lambda _kind, _table, row_id, *_: seen.append(
        system.read(ACCOUNTS, [row_id])[row_id].values["name"]
    )
    system.edit("account", {"name": "Nord"})
    assert seen == ["Nord"]


def test_a_fault_before_a_write_keeps_it_from_happening_and_one_after_loses_its_answer() -> None:
    struck: list[tuple[Moment, Write | None]] = []

    def fault(moment: Moment, table: str, write: Write | None) -> OutcomeUnknown | None:
        assert table == "account"
        struck.append((moment, write))
        strikes = isinstance(write, Create) and write.id == {Moment.BEFORE: "a", Moment.AFTER: "b"}[moment]
        return OutcomeUnknown("lost") if strikes else None

    system = InProcessSystem(System.DATAVERSE, fault=fault)
    writes = [Create("a", {}), Create("b", {}), Create("c", {})]
    results = system.write(ACCOUNTS, writes, tag="")
    assert [type(result) for result in results] == [Refused, Refused, Written]
    assert set(system.rows("account")) == {"b", "c"}
    assert [moment for moment, write in struck if write == writes[0]] == [Moment.BEFORE]


def test_a_crash_between_two_writes_reaches_the_caller() -> None:
    def fault(moment: Moment, _: str, write: Write | None) -> None:
        if moment is Moment.AFTER and isinstance(write, Create) and write.id == "a":
            raise Crash

    system = InProcessSystem(System.DATAVERSE, fault=fault)
    with pytest.raises(Crash):
        system.write(ACCOUNTS, [Create("a", {}), Create("b", {})], tag="")
    assert set(system.rows("account")) == {"a"}


def test_mappings_that_share_a_table_each_see_their_own_columns() -> None:
    system = InProcessSystem(System.DATAVERSE)
    system.write(ACCOUNTS, [Create("a", {"name": "Nord", "city": "Bergen"})], tag="")
    assert system.read(NAMES, ["a"])["a"].values == {"name": "Nord", "fax": None}
    system.edit("account", {"fax": "1"}, row_id="a")
    assert system.read(NAMES, ["A"])["a"].values == {"name": "Nord", "fax": "1"}
    assert system.read(ACCOUNTS, ["a"])["a"].values == {"name": "Nord", "city": "Bergen"}
    assert system.rows("account")["a"].values == {"name": "Nord", "city": "Bergen", "fax": "1"}


def test_the_type_of_a_lookup_is_the_table_that_holds_its_target() -> None:
    columns = [TableColumn("parent", ColumnKind.LOOKUP), TableColumn("parenttype")]
    contacts = Table("contact", "contacts", "contactid", {column.name: column for column in columns})
    system = InProcessSystem(System.DATAVERSE)
    account = system.edit("account", {"name": "Nord"}).id
    contact = system.edit("contact", {"parent": account}).id
    assert system.read(contacts, [contact])[contact].values == {"parent": account, "parenttype": "account"}
    system.edit("contact", {"parent": None}, row_id=contact)
    assert system.read(contacts, [contact])[contact].values == {"parent": None, "parenttype": None}


def test_options_of_a_choice_are_no_rows_of_its_table() -> None:
    options = Table("account", "accounts", "value", {"label": TableColumn("label")}, choice="paymenttermscode")
    system = InProcessSystem(System.DATAVERSE)
    system.edit("account", {"name": "Nord"}, row_id="a")
    system.edit("account.paymenttermscode", {"label": "Net 30"}, row_id="1")
    assert list(system.read(options, ["1", "a"])) == ["1"]


def test_a_new_row_is_completed_as_the_system_would() -> None:
    def complete(table: str, values: dict[str, Value]) -> dict[str, Value]:
        return values | {"number": f"{table}-1"}

    system = InProcessSystem(System.BUSINESS_CENTRAL, complete=complete, new_id=lambda: "a")
    customers = Table("customers", "api/v2.0", "id", {name: TableColumn(name) for name in ("name", "number")})
    result = system.write(customers, [Create(None, {"name": "Nord"})], tag="ignored")[0]
    assert isinstance(result, Written)
    assert result.row is not None
    assert (result.row.id, result.row.values) == ("a", {"name": "Nord", "number": "customers-1"})
    assert system.edit("customers", {"number": "7"}, row_id="a").values["number"] == "7"


def test_what_was_looked_for_once_stays_found_as_rows_change() -> None:
    system = InProcessSystem(System.DATAVERSE)
    assert system.find(ACCOUNTS, [{"name": "nord"}]) == [[]]
    first = system.edit("account", {"name": "NORD"}).id
    second = system.edit("account", {"name": "Sør"}).id
    assert [row.id for row in system.find(ACCOUNTS, [{"name": "nord"}])[0]] == [first]
    system.edit("account", {"name": "Nord"}, row_id=second)
    assert [row.id for row in system.find(ACCOUNTS, [{"name": "nord"}])[0]] == [first, second]
    system.remove("account", first)
    assert [row.id for row in system.find(ACCOUNTS, [{"name": "nord"}])[0]] == [second]


def test_changes_are_scanned_in_order_and_none_is_left_out_while_others_are_made() -> None:
    now = NOW
    system = InProcessSystem(System.DATAVERSE, clock=lambda: now)
    for number in range(6):
        now = NOW + timedelta(seconds=number // 2)
        system.edit("account", {"name": str(number)}, row_id=f"id{number}")
    first = system.scan(ACCOUNTS, since=NOW + timedelta(seconds=1), cursor=None, page_size=2)
    assert [row.id for row in first.rows] == ["id2", "id3"]
    now = NOW + timedelta(seconds=9)
    system.edit("account", {"name": "again"}, row_id="id4")
    second = system.scan(ACCOUNTS, since=NOW + timedelta(seconds=1), cursor=first.cursor, page_size=2)
    assert [row.id for row in second.rows] == ["id5", "id4"]
    assert second.cursor is None


def test_only_a_dataverse_carries_tags_ids_and_users() -> None:
    central = InProcessSystem(System.BUSINESS_CENTRAL, user="worker")
    dataverse = InProcessSystem(System.DATAVERSE, user="worker")
    assert (central.capabilities.tags, central.capabilities.client_ids, central.user_id()) == (False, False, "")
    assert (dataverse.capabilities.tags, dataverse.capabilities.client_ids) == (True, True)
    assert dataverse.user_id() == "worker"


def test_a_refused_write_changes_nothing() -> None:
    system = InProcessSystem(System.DATAVERSE)
    row = system.edit("account", {"name": "Nord"}, row_id="a")
    writes: list[Write] = [Create("a", {}), Update("a", "old", {"name": "x"}), Delete("b", "x")]
    results = system.write(ACCOUNTS, writes, tag="")
    errors = [result.error for result in results if isinstance(result, Refused)]
    assert [error.reason for error in errors if isinstance(error, Reread)] == [
        RereadReason.EXISTS,
        RereadReason.CHANGED,
        RereadReason.GONE,
    ]
    assert system.rows("account")["a"].version == row.version
