"""Tables of rows: transactions, versions and indexes."""

from datetime import UTC, datetime
from functools import cmp_to_key
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systems.sandbox.odata.predicate import Dialect, predicate
from systems.sandbox.odata.selection import Order, Selection
from systems.sandbox.odata.skiptoken import BadSkipToken, decode, encode
from systems.sandbox.odata.syntax import Literal, parse
from systems.sandbox.store import Store, Table, Values


def new_store() -> Store:
    numbers = count()
    return Store(lambda: datetime(2026, 11, 22, tzinfo=UTC), lambda: str(next(numbers)))


def values(table: Table) -> dict[str, Values]:
    return {record.id: record.values for record in table}


def put(store: Store, table: Table, record_id: str, name: object) -> None:
    with store.transaction():
        table.put(record_id, {"id": record_id, "name": name})


def test_a_failed_transaction_leaves_no_trace() -> None:
    store = new_store()
    table = store.table("t")
    told: list[str] = []
    put(store, table, "a", "kept")
    by_name = table.ordered("name")

    def fail() -> None:
        with store.transaction():
            table.put("a", {"id": "a", "name": "changed"})
            table.put("b", {"id": "b", "name": "new"})
            table.remove("a")
            store.after_commit(lambda: told.append("never"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert values(table) == {"a": {"id": "a", "name": "kept"}}
    assert list(by_name.ids(0)) == ["a"]
    assert [record.id for record in table.equal("name", "kept")] == ["a"]
    assert told == []


def test_an_inner_transaction_undoes_only_itself() -> None:
    store = new_store()
    table = store.table("t")
    told: list[str] = []
    with store.transaction():
        table.put("a", {"id": "a"})
        store.after_commit(lambda: told.append("a"))
        with store.transaction() as inner:
            table.put("b", {"id": "b"})
            store.after_commit(lambda: told.append("b"))
            inner.undone = True
        assert told == []
    assert values(table).keys() == {"a"}
    assert told == ["a"]


def test_a_version_is_never_given_out_twice() -> None:
    store = new_store()
    table = store.table("t")
    versions = []
    for _ in range(3):
        with store.transaction() as transaction:
            versions.append(table.put("a", {"id": "a"}).version)
            transaction.undone = True
    assert len(set(versions)) == 3


DIALECT = Dialect(lambda name, _literal: name, ignore_case=True)
ROWS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.fixed_dictionaries(
        {"name": st.one_of(st.none(), st.text("xyzXYZ", max_size=3)), "size": st.one_of(st.none(), st.integers(0, 9))}
    ),
    max_size=30,
)
FILTERS = st.sampled_from(
    [
        "size gt 3",
        "size ge 8",
        "name eq 'x'",
        "name eq 'x' or name eq 'Y'",
        "size ge 5 and contains(name,'z')",
        "not (size lt 5)",
        "name ne null",
        "startswith(name,'x')",
        "size le 4 and name gt 'xx'",
        None,
    ]
)
ORDERS = st.sampled_from(
    [
        Order(("id",), (False,)),
        Order(("size",), (False,)),
        Order(("size",), (True,)),
        Order(("name", "size"), (False, True)),
        Order(("size", "name"), (True, True)),
    ]
)


@given(rows=ROWS, text=FILTERS, order=ORDERS, page=st.integers(1, 7))
def test_pages_hold_what_scanning_and_sorting_would_find(
    rows: dict[str, dict[str, object]], text: str | None, order: Order, page: int
) -> None:
    store = new_store()
    table = store.table("t")
    table.ordered("size")
    with store.transaction():
        for row_id, row in rows.items():
            table.put(row_id, {"id": row_id, **row})
    expression = None if text is None else parse(text)
    selection = Selection(table, DIALECT, expression, order)
    paged: list[str] = []
    after = None
    while True:
        found = selection.rows(after=after, skip=0, limit=page)
        paged += [record.id for record in found]
        if len(found) < page:
            break
        after = decode(encode(order.position(found[-1])))
    test = predicate(expression, DIALECT) if expression else lambda _: True
    matching = [record for record in table if test(record.values)]
    by_position = cmp_to_key(order.compare)
    assert paged == [record.id for record in sorted(matching, key=lambda row: by_position(order.position(row)))]
    assert selection.count() == len(paged)


def test_text_is_found_without_regard_to_case_where_the_system_ignores_it() -> None:
    store = new_store()
    table = store.table("t")
    for row_id, name in (("1", "Nord"), ("2", "NORD"), ("3", "Sør")):
        put(store, table, row_id, name)
    exact = Dialect(lambda name, _literal: name, ignore_case=False)
    order = Order(("id",), (False,))

    def found(dialect: Dialect, text: str) -> list[str]:
        return [record.id for record in Selection(table, dialect, parse(text), order).rows(after=None, skip=0, limit=9)]

    assert found(DIALECT, "name eq 'nord'") == ["1", "2"]
    assert found(exact, "name eq 'Nord'") == ["1"]
    assert found(exact, "tolower(name) eq 'nord'") == ["1", "2"]


def test_a_literal_knows_its_kind() -> None:
    assert parse("a eq 11111111-AAAA-1111-1111-111111111111") == parse("a eq 11111111-aaaa-1111-1111-111111111111")
    comparison = parse("a eq 2026-11-22T10:00:00.5Z")
    assert "right=Literal(value=datetime.datetime(2026, 11, 22, 10, 0, 0, 500000" in repr(comparison)
    assert Literal("x") != Literal("x", guid=True)


@pytest.mark.parametrize("token", ["", "nonsense", "e30="])
def test_a_foreign_token_is_refused(token: str) -> None:
    with pytest.raises(BadSkipToken):
        decode(token)
