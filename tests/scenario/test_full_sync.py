"""Full sync of both systems' rows: in order, whatever is killed in between, and counted exactly."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from threading import Event

import pytest

from engine.ledger.runs import Run, RunState
from producers import full_sync
from producers.context import ProducerContext
from producers.verdict import Verdict
from schemas.outcomes import Outcome
from schemas.system import Direction
from schemas.topics import OutgoingMessage, Publisher
from systems.sandbox.seed import Seeded, seed
from tests.support.clocks import ShiftedClock
from tests.support.mapping_files import Changes, standard_mappings
from tests.support.meddling import Death
from tests.support.stack import Arrangement, Stack
from tests.support.steps import background

clock = ShiftedClock()

TO, FROM = Direction.TO_DATAVERSE, Direction.FROM_DATAVERSE

_DEAD = 31.0
"""Seconds after which a run without a heartbeat counts as left."""

_SMALL_PAGE = 4


@pytest.fixture(scope="module")
def changes() -> Changes:
    """Rows that both sides have are found by mail, and made equal to Business Central's."""
    found = {"match": ["email"], "update_conflict": "business_central"}
    return dict.fromkeys(("CUSTOMER", "VENDOR", "CONTACT"), found)


@pytest.fixture(scope="module")
def arrangement(tmp_path_factory: pytest.TempPathFactory, changes: Changes) -> Arrangement:
    """As the mappings ship: what is not coupled is for full sync. People own rows; a clock that tests put forward."""
    file = standard_mappings(tmp_path_factory.mktemp("mappings"), changes, only_coupled=True)
    return Arrangement((file,), ownership="person", clock=clock)


def test_every_row_is_coupled_and_counted_once(own_stack: Stack) -> None:
    seeded = _seed(own_stack)
    verdict = full_sync.start(_pages(own_stack), allow_create=False)
    own_stack.settle()
    _assert_complete(own_stack, seeded)
    _assert_counted(verdict, seeded)


def test_tables_go_in_the_documented_order(own_stack: Stack) -> None:
    seeded = _seed(own_stack)
    assert full_sync.start(_pages(own_stack), allow_create=False).good
    created = _created(own_stack)
    first = list(dict.fromkeys(created))
    assert first == ["CURRENCY", "SALESPEOPLE", "VENDOR", "CUSTOMER", "CONTACT"]
    for parent, child in (
        ("CURRENCY", "VENDOR"),
        ("CURRENCY", "CUSTOMER"),
        ("SALESPEOPLE", "CUSTOMER"),
        ("VENDOR", "CONTACT"),
        ("CUSTOMER", "CONTACT"),
    ):
        last_parent = len(created) - 1 - created[::-1].index(parent)
        assert last_parent < created.index(child), f"{child} began before {parent} was over"
    assert Counter(created)["CONTACT"] >= len(seeded.contacts) - len(seeded.contacts_of_both)


@pytest.mark.parametrize(("number", "moment"), [(1, "after"), (3, "before"), (6, "after"), (9, "before")])
def test_a_run_that_is_killed_is_resumed_where_it_was(own_stack: Stack, number: int, moment: str) -> None:
    """Before publishing, rows are registered and on no topic; after it, nobody has noted that they are."""
    seeded = _seed(own_stack)
    context = _pages(own_stack)
    run_id = _killed(context, number, moment)
    clock.advance(_DEAD)
    verdict = full_sync.resume(context, run_id)
    own_stack.settle()
    _assert_complete(own_stack, seeded)
    _assert_counted(verdict, seeded)


def test_a_run_that_is_killed_again_and_again_comes_to_its_end(own_stack: Stack) -> None:
    seeded = _seed(own_stack)
    context = _pages(own_stack)
    run_id = _killed(context, 2, "before")
    for number in range(6):
        clock.advance(_DEAD)
        _killed(context, 2, "after" if number % 2 else "before", run_id)
    clock.advance(_DEAD)
    verdict = full_sync.resume(context, run_id)
    own_stack.settle()
    _assert_complete(own_stack, seeded)
    _assert_counted(verdict, seeded)


def test_workers_come_and_go_during_a_run(own_stack: Stack) -> None:
    seeded = _seed(own_stack)
    moves = Event()
    processed: list[int] = [0]

    def on_progress(run: Run) -> None:
        processed.append(sum(table.processed for table in run.tables))
        if processed[-1] > processed[-2]:
            moves.set()

    with background(lambda: full_sync.start(_pages(own_stack), allow_create=False, on_progress=on_progress)) as run:
        for _ in range(3):
            moves.wait(10.0)
            moves.clear()
            own_stack.running[0].stop()
            own_stack.start_worker()
    own_stack.settle()
    _assert_complete(own_stack, seeded)
    _assert_counted(run.result, seeded)


def test_a_second_full_sync_changes_nothing(own_stack: Stack) -> None:
    seeded = _seed(own_stack)
    full_sync.start(_pages(own_stack), allow_create=False)
    own_stack.settle()
    own_stack.forget_requests()
    verdict = full_sync.start(_pages(own_stack), allow_create=False)
    own_stack.settle()
    assert not own_stack.writes()
    assert {outcome for table in verdict.tables for outcome in table.outcomes} == {Outcome.UNCHANGED}
    _assert_complete(own_stack, seeded)


def test_edits_while_a_full_sync_runs_arrive_too(own_stack: Stack) -> None:
    seeded = _seed(own_stack)
    with background(lambda: full_sync.start(_pages(own_stack), allow_create=False)):
        for number, customer in enumerate(seeded.customers):
            own_stack.bc.update("customers", customer, {"addressLine2": f"Floor {number}"})
    own_stack.settle()
    _assert_complete(own_stack, seeded)
    accounts = {row["emailaddress1"]: row for row in own_stack.dv.rows("accounts")}
    for number, customer in enumerate(seeded.customers):
        mail = own_stack.bc.row("customers", customer)["email"]
        assert accounts[mail]["address1_line2"] == f"Floor {number}"


def _seed(stack: Stack) -> Seeded:
    """A few rows of everything, some on both sides; what their making told is over."""
    seeded = seed(
        stack.sandbox,
        customers=9,
        vendors=4,
        contacts=9,
        in_both=0.25,
        only_in_dataverse=0.25,
        local_currency_row=False,
    )
    stack.settle()
    stack.forget_requests()
    return seeded


def _pages(stack: Stack) -> ProducerContext:
    """With pages so small that every table has several."""
    return replace(stack.producer_context, page_size=_SMALL_PAGE)


def _killed(context: ProducerContext, number: int, moment: str, run_id: str | None = None) -> str:
    """Carry out a run, or go on with one, in a process that dies around its so-manieth publication; its id."""
    ids: list[str] = []
    mortal = replace(context, publisher=_MortalPublisher(context.publisher, number, moment))

    def on_progress(run: Run) -> None:
        ids.append(run.id)

    try:
        if run_id is None:
            full_sync.start(mortal, allow_create=False, on_progress=on_progress)
        else:
            full_sync.resume(mortal, run_id, on_progress=on_progress)
    except Death:
        return ids[0]
    return ids[0]


class _MortalPublisher(Publisher):
    """Kills whoever publishes, once."""

    def __init__(self, real: Publisher, number: int, moment: str) -> None:
        self._real, self._left, self._moment = real, number, moment

    def publish(self, topic: str, messages: Sequence[OutgoingMessage]) -> None:
        self._left -= 1
        if self._left == 0 and self._moment == "before":
            raise Death
        self._real.publish(topic, messages)
        if self._left == 0:
            raise Death

    def close(self) -> None:
        self._real.close()


def _assert_complete(stack: Stack, seeded: Seeded) -> None:
    """Every row has its one counterpart, found where there was one."""
    customers, vendors, people = stack.bc.rows("customers"), stack.bc.rows("vendors"), stack.bc.rows("contacts")
    accounts, contacts = stack.dv.rows("accounts"), stack.dv.rows("contacts")
    assert _mails(customers, "email") == _mails([row for row in accounts if row["customertypecode"] == 3])
    assert _mails(vendors, "email") == _mails([row for row in accounts if row["customertypecode"] == 11])
    assert _mails([row for row in people if row["type"] == "Person"], "email") == _mails(contacts)
    companies = len(seeded.customers) + len(seeded.vendors) + len(seeded.accounts_only_in_dataverse)
    assert len(accounts) == companies
    assert len(contacts) == len(seeded.contacts) + len(seeded.contacts_only_in_dataverse)
    assert not stack.open_operations()


def _mails(rows: Sequence[dict[str, object]], column: str = "emailaddress1") -> list[str]:
    return sorted(str(row[column]) for row in rows)


def _assert_counted(verdict: Verdict, seeded: Seeded) -> None:
    """Every row of every table has exactly one outcome, and as many as there are rows were made."""
    assert verdict.run.state is RunState.FINISHED
    assert verdict.good
    outcomes = {(one.table.mapping, one.table.direction): Counter(one.outcomes) for one in verdict.tables}
    for one in verdict.tables:
        assert one.table.produced == one.table.processed == sum(one.outcomes.values()), one
    found_companies, found_people = len(seeded.accounts), len(seeded.contacts_of_both)
    made = outcomes["CUSTOMER", TO] + outcomes["VENDOR", TO]
    assert made.total() == len(seeded.customers) + len(seeded.vendors)
    assert (made[Outcome.INSERTED], made[Outcome.COUPLED]) == (made.total() - found_companies, found_companies)
    back = outcomes["CUSTOMER", FROM] + outcomes["VENDOR", FROM]
    assert back[Outcome.INSERTED] == len(seeded.accounts_only_in_dataverse)
    assert back.total() == made.total() + back[Outcome.INSERTED]
    people = outcomes["CONTACT", TO]
    assert people.total() == len(seeded.contacts)
    assert (people[Outcome.INSERTED], people[Outcome.COUPLED]) == (people.total() - found_people, found_people)
    assert outcomes["CONTACT", FROM][Outcome.INSERTED] == len(seeded.contacts_only_in_dataverse)
    assert outcomes["CURRENCY", TO] == {Outcome.INSERTED: 4}


def _created(stack: Stack) -> list[str]:
    """The mappings of all rows that were created, in order of time."""
    customer_types = {row["accountid"]: row["customertypecode"] for row in stack.dv.rows("accounts")}

    def mapping(url: str) -> str:
        name = url.split("/")[-1].partition("(")[0]
        if name == "accounts":
            return {3: "CUSTOMER", 11: "VENDOR"}[customer_types[url.partition("accounts(")[2].partition(")")[0]]]
        names = {
            "transactioncurrencies": "CURRENCY",
            "salespeoplePurchasers": "SALESPEOPLE",
            "vendors": "VENDOR",
            "customers": "CUSTOMER",
            "contacts": "CONTACT",
        }
        return names.get(name, name)

    entries = sorted(
        (entry for system in (stack.bc, stack.dv) for entry in system.requests.entries()), key=lambda entry: entry.at
    )
    named = [
        mapping(part.url) for entry in entries for part in entry.parts if part.method != "GET" and part.status == 201
    ]
    return [name for name in named if name.isupper()]
