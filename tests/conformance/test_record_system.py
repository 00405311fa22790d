"""What every system of record promises (:mod:`systems.interface`), over all of them.

Business Central and Dataverse answer over real HTTP. Where documents and servers disagree on a system, the suite runs
over either way.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from decimal import Decimal
from functools import cache, partial

import pytest

from schemas.errors import OutcomeUnknown, Reread, RereadReason, Retry, Skip, Stop
from schemas.row import Row
from systems.interface import Create, Delete, RecordSystem, Refused, Update, Write, WriteResult, Written
from tests.support.record_systems import BENCHES, Bench, open_bench, written

NOBODY = "99999999-9999-4999-8999-999999999999"


def every_system(**gaps: str) -> pytest.MarkDecorator:
    """Run a test over every system; ``gaps`` says which do not keep a promise, and why."""
    return pytest.mark.parametrize(
        "bench",
        [
            pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=gaps[kind])) if kind in gaps else name
            for name, kind in BENCHES.items()
        ],
        indirect=True,
    )


@pytest.fixture(scope="module")
def opened() -> Iterator[Callable[[str], Bench]]:
    """Opens each bench when it is first asked for."""
    with ExitStack() as stack:
        yield cache(lambda name: stack.enter_context(open_bench(name)))


@pytest.fixture
def bench(request: pytest.FixtureRequest, opened: Callable[[str], Bench]) -> Iterator[Bench]:
    """An empty system."""
    bench = opened(request.param)
    yield bench
    bench.clear()


def refusal(result: WriteResult) -> Exception:
    assert isinstance(result, Refused), result
    return result.error


def reason(result: WriteResult) -> RereadReason:
    error = refusal(result)
    assert isinstance(error, Reread), error
    return error.reason


def scan_all(bench: Bench, page_size: int) -> list[Row]:
    rows: list[Row] = []
    cursor = None
    while True:
        page = bench.system.scan(bench.table, since=None, cursor=cursor, page_size=page_size)
        rows += page.rows
        cursor = page.cursor
        if cursor is None:
            return rows


# Reading


@every_system()
def test_present_rows_are_read_and_missing_ones_are_absent(bench: Bench) -> None:
    first, second = bench.add("Nord", "Sør")
    assert bench.system.read(bench.table, [first.id.upper(), NOBODY, second.id]) == {
        first.id: first,
        second.id: second,
    }
    assert bench.system.read(bench.table, []) == {}


@every_system()
def test_a_row_has_every_readable_column_and_no_other(bench: Bench) -> None:
    (row,) = bench.add("Nord")
    assert set(row.values) == set(bench.table.columns)
    assert row.version
    assert row.modified_at is not None
    assert row.modified_at.utcoffset() == timedelta(0)
    assert row.id == row.id.lower()


@every_system()
def test_more_rows_than_fit_one_request_are_read(bench: Bench) -> None:
    rows = bench.add(*(f"Row {number}" for number in range(230)))
    assert set(bench.system.read(bench.table, [row.id for row in rows])) == {row.id for row in rows}


# Finding


@every_system()
def test_each_criterion_finds_none_one_or_several_rows(bench: Bench) -> None:
    one, *several = bench.add("One", "Many", "Many", "Many", "Many")
    found = bench.system.find(bench.table, [bench.values("None"), bench.values("One"), bench.values("Many")])
    assert found[0] == []
    assert found[1] == [one]
    assert len(found[2]) == 3
    assert {row.id for row in found[2]} <= {row.id for row in several}


@every_system()
def test_text_is_found_ignoring_case(bench: Bench) -> None:
    (row,) = bench.add("Ærø Blå as")
    assert bench.system.find(bench.table, [bench.values("ÆRØ blå AS")]) == [[row]]


@every_system()
@pytest.mark.parametrize("name", ["O'Brien's", "A & B + C", "100% #1?", 'the "best"', "a/b\\c", "x=1;y", "日本 🚀"])
def test_text_with_any_character_is_written_read_and_found(bench: Bench, name: str) -> None:
    (row,) = bench.add(name)
    assert row.values[bench.names.name] == name
    assert bench.system.read(bench.table, [row.id])[row.id].values[bench.names.name] == name
    assert bench.system.find(bench.table, [bench.values(name)]) == [[row]]


@every_system()
def test_all_values_of_a_criterion_must_fit(bench: Bench) -> None:
    target = bench.new_target()
    writes = [
        bench.new("Nord", city="Oslo", amount=Decimal("1.50")),
        bench.new("Nord", city="Bergen", amount=Decimal("2.50"), other=target),
    ]
    oslo, bergen = (written(result) for result in bench.system.write(bench.table, writes, tag="t"))
    criteria = [
        bench.values("nord", city="oslo"),
        bench.values("nord", amount=Decimal("2.5")),
        bench.values("nord", other=target),
        bench.values("nord", city="Molde"),
    ]
    assert bench.system.find(bench.table, criteria) == [[oslo], [bergen], [bergen], []]


@every_system()
def test_more_criteria_than_fit_one_request_are_looked_for(bench: Bench) -> None:
    bench.add(*(f"Row {number}" for number in range(120)))
    found = bench.system.find(bench.table, [bench.values(f"row {number}") for number in range(120)])
    assert [[row.values[bench.names.name] for row in rows] for rows in found] == [[f"Row {n}"] for n in range(120)]


# Scanning


@every_system()
def test_a_scan_gives_every_row_once_page_by_page(bench: Bench) -> None:
    rows = bench.add(*(f"Row {number}" for number in range(25)))
    assert sorted(row.id for row in scan_all(bench, page_size=10)) == sorted(row.id for row in rows)


@every_system()
def test_an_empty_table_is_one_page(bench: Bench) -> None:
    page = bench.system.scan(bench.table, since=None, cursor=None, page_size=10)
    assert (list(page.rows), page.cursor) == ([], None)


@every_system()
def test_a_scan_goes_on_in_another_worker(bench: Bench) -> None:
    rows = bench.add(*(f"Row {number}" for number in range(7)))
    first = bench.system.scan(bench.table, since=None, cursor=None, page_size=5)
    assert first.cursor is not None
    other = bench.again()
    rest = other.scan(bench.table, since=None, cursor=first.cursor, page_size=5)
    other.close()
    assert rest.cursor is None
    assert {row.id for row in first.rows} | {row.id for row in rest.rows} == {row.id for row in rows}


@every_system()
def test_rows_that_stay_are_all_seen_while_others_come_and_go(bench: Bench) -> None:
    rows = bench.add(*(f"Row {number}" for number in range(12)))
    first = bench.system.scan(bench.table, since=None, cursor=None, page_size=5)
    gone = first.rows[0]
    bench.system.write(bench.table, [Delete(gone.id, gone.version), bench.new("New")], tag="t")
    seen = {row.id for row in first.rows}
    cursor = first.cursor
    while cursor is not None:
        page = bench.system.scan(bench.table, since=None, cursor=cursor, page_size=5)
        seen |= {row.id for row in page.rows}
        cursor = page.cursor
    assert seen >= {row.id for row in rows}


@every_system()
def test_a_scan_of_changes_gives_the_changed_rows_oldest_change_first(bench: Bench) -> None:
    rows = bench.add(*(f"Row {number}" for number in range(6)))
    bench.later()
    changed = [bench.edit(row.id, city="Oslo") for row in (rows[4], rows[1], rows[2])]
    since = changed[0].modified_at
    assert since is not None
    page = bench.system.scan(bench.table, since=since, cursor=None, page_size=2)
    assert len(page.rows) == 2
    rest = bench.system.scan(bench.table, since=since, cursor=page.cursor, page_size=2)
    found = [*page.rows, *rest.rows]
    assert {row.id for row in found} == {row.id for row in changed}
    times = [row.modified_at for row in found if row.modified_at is not None]
    assert times == sorted(times)
    assert rest.cursor is None


# Writing


@every_system()
def test_a_new_row_is_answered_as_it_is(bench: Bench) -> None:
    create = bench.new("Nord", city="Oslo")
    row = written(bench.system.write(bench.table, [create], tag="t")[0])
    assert create.id in {None, row.id}
    assert row == bench.system.read(bench.table, [row.id])[row.id]
    assert row.values[bench.names.city] == "Oslo"


@every_system()
def test_an_update_changes_the_named_columns_and_gives_a_new_version(bench: Bench) -> None:
    (before,) = bench.add("Nord")
    before = bench.edit(before.id, city="Oslo")
    update = Update(before.id, before.version, bench.values("Sør"))
    after = written(bench.system.write(bench.table, [update], tag="t")[0])
    assert after.values == {**before.values, bench.names.name: "Sør"}
    assert after.version != before.version
    assert after == bench.system.read(bench.table, [before.id])[before.id]


@every_system()
def test_a_deleted_row_is_gone(bench: Bench) -> None:
    kept, row = bench.add("Kept", "Nord")
    assert bench.system.write(bench.table, [Delete(row.id, row.version)], tag="t") == [Written(None)]
    assert set(bench.system.read(bench.table, [kept.id, row.id])) == {kept.id}


@every_system()
def test_a_row_that_somebody_changed_is_neither_changed_nor_deleted(bench: Bench) -> None:
    (row,) = bench.add("Nord")
    edited = bench.edit(row.id, city="Oslo")
    writes: list[Write] = [Update(row.id, row.version, bench.values("Mine")), Delete(row.id, row.version)]
    results = bench.system.write(bench.table, writes, tag="t")
    assert [reason(result) for result in results] == [RereadReason.CHANGED] * 2
    assert bench.system.read(bench.table, [row.id]) == {row.id: edited}


@every_system()
def test_a_row_that_somebody_deleted_is_not_brought_back(bench: Bench) -> None:
    (row,) = bench.add("Nord")
    bench.system.write(bench.table, [Delete(row.id, row.version)], tag="t")
    writes: list[Write] = [Update(row.id, row.version, bench.values("Mine")), Delete(row.id, row.version)]
    results = bench.system.write(bench.table, writes, tag="t")
    assert [reason(result) for result in results] == [RereadReason.GONE] * 2
    assert bench.system.read(bench.table, [row.id]) == {}


@every_system(business_central="Business Central gives ids itself, so no new row can have one that is taken")
def test_a_new_row_with_an_id_that_is_taken_leaves_that_row_alone(bench: Bench) -> None:
    (row,) = bench.add("Nord")
    result = bench.system.write(bench.table, [Create(row.id, bench.values("Mine"))], tag="t")[0]
    assert reason(result) is RereadReason.EXISTS
    assert bench.system.read(bench.table, [row.id]) == {row.id: row}


@every_system()
def test_one_refused_write_fails_no_other(bench: Bench) -> None:
    writes = [bench.new(f"Row {number}") for number in range(100)]
    writes[42] = Create(writes[42].id, {**writes[42].values, **bench.bad})
    results = bench.system.write(bench.table, writes, tag="t")
    assert isinstance(refusal(results[42]), Skip)
    names = [written(result).values[bench.names.name] for result in results if isinstance(result, Written)]
    assert names == [f"Row {number}" for number in range(100) if number != 42]


@every_system()
def test_more_writes_than_fit_one_request_are_carried_out_in_order(bench: Bench) -> None:
    results = bench.system.write(bench.table, [bench.new(f"Row {number}") for number in range(230)], tag="t")
    assert [written(result).values[bench.names.name] for result in results] == [f"Row {n}" for n in range(230)]


@every_system()
def test_writes_of_every_kind_go_together(bench: Bench) -> None:
    changed, deleted = bench.add("Changed", "Deleted")
    writes: list[Write] = [
        bench.new("New"),
        Update(changed.id, changed.version, bench.values("Changed!")),
        Delete(deleted.id, deleted.version),
        Update(NOBODY, changed.version, bench.values("Nobody")),
    ]
    new, update, delete, nobody = bench.system.write(bench.table, writes, tag="t")
    assert written(new).values[bench.names.name] == "New"
    assert written(update).values[bench.names.name] == "Changed!"
    assert delete == Written(None)
    assert reason(nobody) is RereadReason.GONE


@every_system()
def test_nothing_to_write_is_answered_with_nothing(bench: Bench) -> None:
    assert bench.system.write(bench.table, [], tag="t") == []


# Values


@every_system()
@pytest.mark.parametrize("amount", ["0.1", "1234.56", "98765432101.25", "-0.01", "0"])
def test_decimals_keep_their_value_both_ways(bench: Bench, amount: str) -> None:
    row = written(bench.system.write(bench.table, [bench.new("Nord", amount=Decimal(amount))], tag="t")[0])
    read = bench.system.read(bench.table, [row.id])[row.id].values[bench.names.amount]
    assert isinstance(read, Decimal | int)
    assert read == row.values[bench.names.amount] == Decimal(amount)


@every_system()
def test_long_text_is_kept_whole(bench: Bench) -> None:
    name = ("Blåbærsyltetøy " * 7)[:100].strip()
    (row,) = bench.add(name)
    assert bench.system.read(bench.table, [row.id])[row.id].values[bench.names.name] == name


@every_system()
def test_a_reference_is_set_changed_and_cleared(bench: Bench) -> None:
    first, second = bench.new_target(), bench.new_target()
    row = written(bench.system.write(bench.table, [bench.new("Nord", other=first)], tag="t")[0])
    assert row.values[bench.names.other] == first
    for target in (second, bench.blank):
        row = bench.edit(row.id, other=target)
        assert row.values[bench.names.other] == target
        assert bench.system.read(bench.table, [row.id])[row.id] == row


# Trouble


@every_system()
def test_a_write_whose_answer_is_lost_has_an_unknown_outcome(bench: Bench) -> None:
    bench.lose_next_answer()
    result = bench.system.write(bench.table, [bench.new("Nord")], tag="t")[0]
    assert isinstance(refusal(result), OutcomeUnknown)
    (found,) = bench.system.find(bench.table, [bench.values("Nord")])
    assert len(found) == 1


def failed(call: Callable[[], object]) -> Exception:
    """What a call fails with, be it as a whole or for its only write."""
    try:
        answer = call()
    except (Retry, Stop) as error:
        return error
    assert isinstance(answer, list), answer
    return refusal(answer[0])


@every_system()
@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_system_says_when_to_come_back(bench: Bench, status: int) -> None:
    (row,) = bench.add("Nord")
    calls: list[Callable[[RecordSystem], object]] = [
        lambda system: system.read(bench.table, [row.id]),
        lambda system: system.find(bench.table, [bench.values("Nord")]),
        lambda system: system.scan(bench.table, since=None, cursor=None, page_size=5),
        lambda system: system.write(bench.table, [bench.new("Sør")], tag="t"),
    ]
    for call in calls:
        bench.fail_next(status, retry_after=7)
        with closing(bench.again()) as system:  # another one each time: whoever was told to wait waits
            error = failed(partial(call, system))
        assert type(error) is Retry
        assert error.after == 7
        assert error.throttled is (status == 429)
    assert bench.system.find(bench.table, [bench.values("Sør")]) == [[]]


@every_system(in_process="Memory has no credentials to be wrong")
def test_bad_credentials_stop_and_say_what_to_do_but_not_the_secret(bench: Bench) -> None:
    secret = "s3cr3t-and-wrong"
    system = bench.with_bad_secret(secret)
    calls: list[Callable[[], object]] = [
        lambda: system.read(bench.table, [NOBODY]),
        lambda: system.write(bench.table, [bench.new("Nord")], tag="t"),
    ]
    for call in calls:
        with pytest.raises(Stop) as raised:
            call()
        assert "secret" in raised.value.text
        assert secret not in raised.value.text
        assert secret not in repr(raised.value)
    system.close()


@every_system()
def test_many_threads_share_one_system(bench: Bench) -> None:
    together = threading.Barrier(8)
    names: list[str] = []

    def work(worker: int) -> None:
        together.wait()
        for number in range(3):
            writes = [bench.new(f"Row {worker}.{number}.{item}") for item in range(4)]
            rows = [written(result) for result in bench.system.write(bench.table, writes, tag="t")]
            read = bench.system.read(bench.table, [row.id for row in rows])
            names.extend(str(row.values[bench.names.name]) for row in read.values())

    threads = [threading.Thread(target=work, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == sorted(f"Row {w}.{n}.{i}" for w in range(8) for n in range(3) for i in range(4))
    assert len(scan_all(bench, page_size=50)) == 96


# Description


@every_system()
def test_the_columns_of_a_table_are_described(bench: Bench) -> None:
    assert bench.table.columns.keys() <= bench.system.columns(bench.table)


@every_system(in_process="Nothing describes tables in memory")
def test_a_column_that_is_not_there_is_not_described(bench: Bench) -> None:
    assert "noSuchColumn" not in bench.system.columns(bench.table)
    with pytest.raises(Skip, match="nosuchtable"):
        bench.system.columns(bench.unknown_table())


@every_system()
def test_the_own_user_is_in_lower_case_and_asked_for_once(bench: Bench) -> None:
    assert bench.system.user_id() == bench.system.user_id() == bench.user
    assert bench.user == bench.user.lower()


@every_system()
def test_closing_twice_is_harmless(bench: Bench) -> None:
    other = bench.again()
    other.close()
    other.close()
