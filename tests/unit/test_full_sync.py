"""Full sync: what is produced, in which order, what is heeded while it runs, and how it ends."""

from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import Engine

from engine.ledger import mapping_states, run_leases, run_requests, runs
from engine.ledger.database import open_database, read, write
from engine.ledger.runs import RunState
from producers import full_sync
from producers.verdict import Verdict
from schemas.change_event import ChangeEvent, ChangeKind
from schemas.errors import Retry, Skip, Stop, SyncError
from schemas.mapping import MappingDirection, Mappings
from schemas.outcomes import Outcome
from schemas.system import Direction
from tests.support.databases import SqliteDatabases
from tests.support.run_world import BC, DV, MAPPINGS, Killed, RunWorld

TO, FROM = Direction.TO_DATAVERSE, Direction.FROM_DATAVERSE


@pytest.fixture
def database(sqlite_databases: SqliteDatabases) -> Iterator[Engine]:
    """A database on SQLite; what differs on PostgreSQL is in the tests of runs."""
    with sqlite_databases.fresh() as url:
        engine = open_database(url)
        yield engine
        engine.dispose()


@pytest.fixture
def world(database: Engine) -> RunWorld:
    """Three currencies, two customers, a vendor and a contact in Business Central; two customers in Dataverse."""
    world = RunWorld(database)
    for code in ("eur", "sek", "usd"):
        world.edit(BC, "currencies", code, code=code)
    for customer in ("c1", "c2"):
        world.edit(BC, "customers", customer, displayName=customer)
    world.edit(BC, "customers", "blocked", blocked="All")
    world.edit(BC, "vendors", "v1", displayName="v1")
    world.edit(BC, "contacts", "p1", type="Person")
    world.edit(BC, "contacts", "company", type="Company")
    for account in ("a1", "a2"):
        world.edit(DV, "account", account, customertypecode=3)
    return world


def _only_coupled(world: RunWorld) -> dict[str, bool]:
    with read(world.database) as connection:
        return mapping_states.wants_only_coupled(connection, world.mappings.mappings)


def _closed_world(database: Engine) -> RunWorld:
    """Every mapping takes coupled rows only; one currency."""
    mappings = tuple(one.model_copy(update={"only_coupled": True}) for one in MAPPINGS.mappings)
    world = RunWorld(database, mappings=Mappings(mappings=mappings))
    world.edit(BC, "currencies", "eur", code="eur")
    return world


def _kill_at_first_wait(world: RunWorld) -> None:
    def kill() -> None:
        raise Killed

    world.on_wait = kill
    with pytest.raises(Killed):
        full_sync.start(world.context)
    world.on_wait = lambda: None


def test_every_admitted_row_gets_one_event_that_creates(world: RunWorld) -> None:
    verdict = full_sync.start(world.context)
    assert sorted(world.published("customers")) == ["c1", "c2"]
    assert world.published("contacts") == ["p1"]
    assert sorted(world.published("account")) == ["a1", "a2"]
    assert {event.kind for event in world.topic.events} == {ChangeKind.SYNC_ALL}
    assert {event.run_id for event in world.topic.events} == {verdict.run.id}
    assert verdict.run.state is RunState.FINISHED
    assert verdict.good
    customers = next(one for one in verdict.tables if (one.table.mapping, one.table.direction) == ("CUSTOMER", TO))
    assert (customers.table.produced, customers.table.processed) == (2, 2)
    assert customers.outcomes == {Outcome.INSERTED: 2}


def test_mappings_run_parents_first_and_each_to_dataverse_before_from_it(world: RunWorld) -> None:
    opened: list[tuple[str, Direction]] = []

    def watch(run: runs.Run) -> None:
        opened.extend(
            place
            for table in run.tables
            if table.state is not RunState.READY and (place := (table.mapping, table.direction)) not in opened
        )

    full_sync.start(world.context, on_progress=watch)
    assert opened.index(("CURRENCY", TO)) < opened.index(("CUSTOMER", TO)) < opened.index(("CUSTOMER", FROM))
    assert opened.index(("VENDOR", FROM)) < opened.index(("CONTACT", TO))
    assert opened.index(("CUSTOMER", FROM)) < opened.index(("CONTACT", TO)) < opened.index(("CONTACT", FROM))
    assert set(opened) == {(table.mapping, table.direction) for table in world.run().tables}


def test_a_wave_waits_until_the_wave_before_is_processed_not_just_produced(world: RunWorld) -> None:
    world.speed = 0
    waits = 0

    def count() -> None:
        nonlocal waits
        waits += 1
        if waits == 5:
            assert len(world.published("currencies")) == 3
            assert world.published("customers") == []
            world.speed = 1

    def check(events: Sequence[ChangeEvent]) -> None:
        if any(event.table in ("customers", "vendors") for event in events):
            run = world.run()
            assert run.tables[0].mapping == "CURRENCY"
            assert run.tables[0].processed == 3

    world.on_wait = count
    world.topic.on_publish = check
    full_sync.start(world.context)
    assert sorted(world.published("customers")) == ["c1", "c2"]


def test_records_that_fail_do_not_hold_the_next_wave_but_show_in_the_verdict(world: RunWorld) -> None:
    world.outcome = lambda mapping, _: Outcome.FAILED if mapping == "CURRENCY" else Outcome.INSERTED
    verdict = full_sync.start(world.context)
    assert verdict.run.state is RunState.FINISHED
    assert set(world.states().values()) == {RunState.FINISHED}
    assert world.published("contacts") == ["p1"]
    assert verdict.failed == 3
    assert not verdict.good


@pytest.mark.parametrize("error", [Stop("no privilege for customers"), Skip("no table customers")])
def test_a_table_that_cannot_be_read_blocks_its_children_and_nothing_else(world: RunWorld, error: SyncError) -> None:
    world.scan_error = lambda table: error if table == "customers" else None
    verdict = full_sync.start(world.context)
    states = world.states()
    assert states["CUSTOMER", TO] is RunState.ERROR
    assert {states["CUSTOMER", FROM], states["CONTACT", TO], states["CONTACT", FROM]} == {RunState.BLOCKED}
    assert {states["CURRENCY", TO], states["VENDOR", TO], states["VENDOR", FROM]} == {RunState.FINISHED}
    messages = {(table.mapping, table.direction): table.message for table in verdict.run.tables}
    assert messages["CUSTOMER", TO] == error.text
    assert messages["CONTACT", TO] == "blocked by CUSTOMER"
    assert verdict.run.state is RunState.ERROR
    assert not verdict.good
    assert world.published("contacts") == []


def test_only_the_mappings_asked_for_run_and_other_parents_do_not_count(world: RunWorld) -> None:
    full_sync.start(world.context, ["CONTACT"])
    assert world.published("contacts") == ["p1"]
    assert world.published("customers") == []


def test_a_mapping_that_does_not_exist_is_refused_with_the_nearest_name(world: RunWorld) -> None:
    with pytest.raises(Stop, match="did you mean 'CUSTOMER'"):
        full_sync.start(world.context, ["CUSTOMERS"])


def test_a_pause_stops_producing_until_it_ends(world: RunWorld) -> None:
    waits = 0
    before: list[str] = []

    def pause_for_a_while() -> None:
        nonlocal waits, before
        waits += 1
        with write(world.database) as connection:
            if waits == 1:
                assert run_requests.pause(connection, world.run().id)
                before = world.published("customers")
            elif waits == 20:
                assert world.published("customers") == before, "currencies were processed, and no wave opened"
                assert world.run().tables[0].processed == 3
                assert run_requests.go_on(connection, world.run().id)

    world.on_wait = pause_for_a_while
    assert full_sync.start(world.context).run.state is RunState.FINISHED
    assert waits > 20


def test_cancelling_ends_the_run_and_restores_only_coupled(database: Engine) -> None:
    world = _closed_world(database)
    world.speed = 0

    def cancel() -> None:
        assert _only_coupled(world)["CURRENCY"] is False
        with write(world.database) as connection:
            assert run_requests.cancel(connection, world.run().id, world.now())

    world.on_wait = cancel
    verdict = full_sync.start(world.context, allow_create=True)
    assert verdict.run.state is RunState.CANCELLED
    assert {world.states()["CURRENCY", TO], world.states()["CONTACT", TO]} == {RunState.CANCELLED}
    assert all(_only_coupled(world).values())
    with write(world.database) as connection:
        assert not run_requests.cancel(connection, verdict.run.id, world.now()), "it is over"
    world.on_wait, world.speed = lambda: None, 1
    assert full_sync.start(world.context).run.state is RunState.FINISHED


def test_a_second_full_sync_is_refused_while_one_is_alive_or_interrupted(world: RunWorld) -> None:
    def start_another() -> None:
        with pytest.raises(Stop, match="wait for its end") as refused:
            full_sync.start(world.context)
        assert world.run().id in refused.value.text
        assert refused.value.code == "run_alive"
        raise Killed

    world.on_wait = start_another
    with pytest.raises(Killed):
        full_sync.start(world.context)
    world.let_heartbeat_expire()
    with pytest.raises(Stop, match="resume it, or cancel it") as refused:
        full_sync.start(world.context)
    assert world.run().id in refused.value.text
    assert refused.value.code == "run_interrupted"


def test_a_run_with_a_young_heartbeat_cannot_be_resumed(world: RunWorld) -> None:
    _kill_at_first_wait(world)
    with pytest.raises(Stop, match="by another process"):
        full_sync.resume(world.context, world.run().id)


def test_only_a_run_that_is_there_and_not_over_can_be_resumed(world: RunWorld) -> None:
    with pytest.raises(Stop, match="no full sync nothing"):
        full_sync.resume(world.context, "nothing")
    over = full_sync.start(world.context).run.id
    with pytest.raises(Stop, match=r"is over \(Finished\)"):
        full_sync.resume(world.context, over)


def test_rows_registered_but_not_published_are_published_on_resuming_even_if_they_are_gone(world: RunWorld) -> None:
    def kill(_: Sequence[ChangeEvent]) -> None:
        raise Killed

    world.topic.on_publish = kill
    with pytest.raises(Killed):
        full_sync.start(world.context)
    assert world.run().tables[0].produced == 2
    assert world.topic.events == []
    world.bc.remove("currencies", "eur")
    world.topic.on_publish = lambda _: None
    world.let_heartbeat_expire()
    verdict = full_sync.resume(world.context, world.run().id)
    assert set(world.published("currencies")) == {"eur", "sek", "usd"}
    assert verdict.tables[0].table.processed == 3


def test_a_process_that_lost_its_run_to_another_stops_without_writing(world: RunWorld) -> None:
    world.speed = 0

    def take_over() -> None:
        world.on_wait = lambda: None
        world.let_heartbeat_expire()
        with write(world.database) as connection:
            assert run_leases.take(connection, world.run().id, world.now())

    world.on_wait = take_over
    with pytest.raises(Stop, match="by another process now"):
        full_sync.start(world.context)
    run = world.run()
    assert run.state is RunState.IN_PROCESS
    assert run_leases.is_alive(run, world.now()), "the other one's lease stands"


def test_a_run_that_only_waits_stays_alive(world: RunWorld) -> None:
    world.speed = 0
    waits = 0

    def check() -> None:
        nonlocal waits
        waits += 1
        assert run_leases.is_alive(world.run(), world.now())
        if waits == 200:
            world.speed = 10

    world.on_wait = check
    assert full_sync.start(world.context).good
    assert waits > 200


def test_transient_trouble_of_system_and_topic_is_waited_for(world: RunWorld) -> None:
    calls = 0

    def trouble() -> None:
        nonlocal calls
        calls += 1
        if calls % 7 == 0:
            raise Retry("try again later", after=0.2)

    scan = world.scan_error
    world.topic.strike = trouble
    world.scan_error = lambda table: Retry("busy", after=40.0, throttled=True) if calls == 3 else scan(table)
    verdict = full_sync.start(world.context)
    assert verdict.good
    produced = {(table.mapping, table.direction): table.produced for table in verdict.run.tables}
    assert produced["CURRENCY", TO] == 3
    assert set(world.published("currencies")) == {"eur", "sek", "usd"}


def test_a_topic_that_refuses_leaves_the_run_to_be_resumed_at_once(database: Engine) -> None:
    world = _closed_world(database)

    def refuse() -> None:
        raise Stop("not allowed to publish")

    world.topic.strike = refuse
    with pytest.raises(Stop, match="not allowed to publish"):
        full_sync.start(world.context)
    assert all(_only_coupled(world).values())
    world.topic.strike = lambda: None
    assert full_sync.resume(world.context, world.run().id).good


def test_no_more_is_produced_than_so_far_ahead_of_the_engine(database: Engine) -> None:
    world = RunWorld(database, page_size=2, ahead=4)
    for number in range(20):
        world.edit(BC, "currencies", f"c{number}", code=f"c{number}")
    most = 0

    def watch(run: runs.Run) -> None:
        nonlocal most
        most = max(most, sum(table.produced - table.processed for table in run.tables))

    assert full_sync.start(world.context, on_progress=watch).good
    assert 4 <= most <= 5, "a page more at most"


def test_overwriting_is_kept_with_the_run(world: RunWorld) -> None:
    run_id = full_sync.start(world.context, overwrite=True).run.id
    with read(world.database) as connection:
        assert runs.overwriting(connection, [run_id]) == {run_id}


def test_an_option_mapping_from_dataverse_cannot_run(world: RunWorld) -> None:
    terms = MAPPINGS["CURRENCY"].model_copy(update={"name": "TERMS", "direction": MappingDirection.FROM_DATAVERSE})
    options = terms.model_copy(update={"dataverse": terms.dataverse.model_copy(update={"choice": "terms"})})
    world = RunWorld(world.database, mappings=Mappings(mappings=(options,)))
    verdict = full_sync.start(world.context)
    assert verdict.run.state is RunState.ERROR
    assert "no event can tell" in verdict.run.tables[0].message


def test_a_mapping_that_is_gone_when_a_run_resumes_fails_alone(database: Engine) -> None:
    world = _closed_world(database)

    def kill(_: Sequence[ChangeEvent]) -> None:
        raise Killed

    world.topic.on_publish = kill
    with pytest.raises(Killed):
        full_sync.start(world.context)
    world.let_heartbeat_expire()
    rest = Mappings(mappings=tuple(one for one in MAPPINGS.mappings if one.name != "CURRENCY"))
    later = RunWorld(database, mappings=rest)
    later.seconds = world.seconds
    verdict = full_sync.resume(later.context, world.run().id)
    messages = {(table.mapping, table.direction): table.message for table in verdict.run.tables}
    assert messages["CURRENCY", TO] == "there is no mapping CURRENCY any more"
    assert verdict.run.state is RunState.ERROR
    assert later.states()["SALESPEOPLE", FROM] is RunState.FINISHED


def test_an_error_of_whoever_listens_leaves_the_run_to_be_resumed_at_once(database: Engine) -> None:
    world = _closed_world(database)

    def listen(_: runs.Run) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        full_sync.start(world.context, on_progress=listen)
    assert all(_only_coupled(world).values())
    assert full_sync.resume(world.context, world.run().id).good


class TestClosingQuestion:
    """What holds of only-coupled during and after a run."""

    @pytest.fixture
    def world(self, database: Engine) -> RunWorld:
        """Every mapping takes coupled rows only."""
        return _closed_world(database)

    def test_while_it_runs_rows_are_created(self, world: RunWorld) -> None:
        during: list[bool] = []
        full_sync.start(world.context, on_progress=lambda _: during.extend(_only_coupled(world).values()))
        assert during
        assert not any(during)

    @pytest.mark.parametrize(("answer", "only_coupled"), [(True, False), (False, True), (None, True)])
    def test_the_answer_given_beforehand_decides(
        self, world: RunWorld, answer: bool | None, only_coupled: bool
    ) -> None:
        full_sync.start(world.context, allow_create=answer)
        assert set(_only_coupled(world).values()) == {only_coupled}

    @pytest.mark.parametrize("answer", [True, False])
    def test_without_one_it_is_asked_with_the_verdict_at_hand(self, world: RunWorld, answer: bool) -> None:
        asked: list[Verdict] = []

        def ask(verdict: Verdict) -> bool:
            asked.append(verdict)
            return answer

        full_sync.start(world.context, ask=ask)
        assert [verdict.tables[0].outcomes for verdict in asked] == [{Outcome.INSERTED: 1}]
        assert set(_only_coupled(world).values()) == {not answer}

    def test_an_answer_given_beforehand_survives_a_crash(self, world: RunWorld) -> None:
        def kill() -> None:
            raise Killed

        world.on_wait = kill
        with pytest.raises(Killed):
            full_sync.start(world.context, allow_create=True)
        world.on_wait = lambda: None
        world.let_heartbeat_expire()
        full_sync.resume(world.context, world.run().id)
        assert not any(_only_coupled(world).values())

    def test_after_a_crash_it_is_as_before_the_run_and_resuming_clears_it_again(self, world: RunWorld) -> None:
        with write(world.database) as connection:
            mapping_states.keep_cleared(connection, ["VENDOR"])
        before = _only_coupled(world)
        _kill_at_first_wait(world)
        run_id = world.run().id
        assert not any(_only_coupled(world).values())
        assert full_sync.restore_after_crash(world.database, world.now()) == [], "it may be alive"
        world.let_heartbeat_expire()
        assert full_sync.restore_after_crash(world.database, world.now()) == [run_id]
        assert _only_coupled(world) == before
        assert full_sync.restore_after_crash(world.database, world.now()) == []

        during: list[bool] = []
        full_sync.resume(world.context, run_id, on_progress=lambda _: during.extend(_only_coupled(world).values()))
        assert during
        assert not any(during)
        assert _only_coupled(world) == before

    def test_mappings_that_do_not_run_keep_theirs(self, world: RunWorld) -> None:
        during: list[bool] = []
        full_sync.start(
            world.context,
            ["CURRENCY"],
            allow_create=True,
            on_progress=lambda _: during.append(_only_coupled(world)["CUSTOMER"]),
        )
        assert set(during) == {True}
        after = _only_coupled(world)
        assert (after["CURRENCY"], after["CUSTOMER"]) == (False, True)
