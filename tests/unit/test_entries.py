"""What stays open, and what ends it: refused once and twice, no privilege, trouble that passes."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from engine.ledger.open_operations import OpenStatus
from schemas.errors import Retry, Skip, Stop, SyncError
from schemas.outcomes import Outcome
from systems.interface import Create, Update
from tests.support.hooks import always, failing, nothing
from tests.support.world import BC, DV, World
from tests.support.worlds import contact_pair, counterpart, customer_pair, only_entry

REFUSAL = Skip("the name is too short", code="400")


def refused(world: World, error: SyncError = REFUSAL) -> str:
    """A person that Dataverse refuses; its id."""
    always(world, failing(error), system=DV, call=Create)
    person = world.edit(BC, "contacts", {"type": "Person", "displayName": "A"})
    world.settle()
    return person


def test_a_refused_record_fails_visibly_with_the_system_s_own_words(world: World) -> None:
    refused(world)
    entry = only_entry(world)
    assert (entry.status, entry.code, entry.text) == (OpenStatus.FAILED, "400", "the name is too short")
    assert entry.due_at == world.now() + timedelta(seconds=60)


def test_the_same_error_twice_and_the_record_is_skipped(world: World) -> None:
    person = refused(world)
    world.pass_time(61)
    assert only_entry(world).status is OpenStatus.SKIPPED
    world.outcomes.clear()
    world.notify(BC, "contacts", person)
    world.pass_time(3600)
    assert world.outcomes == {Outcome.SKIPPED: 1}
    assert only_entry(world).attempts == 2


def test_an_error_is_the_same_whatever_its_correlation_id(world: World) -> None:
    refused(world)
    always(world, lambda _write: Skip(f"no such thing  CorrelationId:  {uuid4()}.", code="500"), system=DV, call=Create)
    for _ in range(2):
        world.pass_time(61)
    assert only_entry(world).status is OpenStatus.SKIPPED


def test_another_error_starts_again(world: World) -> None:
    refused(world)
    always(world, failing(Skip("the name is taken", code="400")), system=DV, call=Create)
    world.pass_time(61)
    assert only_entry(world).status is OpenStatus.FAILED
    world.pass_time(61)
    assert only_entry(world).status is OpenStatus.SKIPPED


def test_an_event_delivered_twice_is_no_second_try(world: World) -> None:
    person = refused(world)
    for _ in range(3):
        world.notify(BC, "contacts", person)
        world.settle()
    assert only_entry(world).status is OpenStatus.FAILED
    nothing(world)
    world.pass_time(61)
    assert counterpart(world, "CONTACT", person)


def test_constant_editing_does_not_put_the_second_try_off(world: World) -> None:
    person = refused(world)
    due_at = only_entry(world).due_at
    for name in ("B", "C"):
        world.seconds += 10
        world.edit(BC, "contacts", {"displayName": name}, person)
        world.settle()
    assert only_entry(world).due_at == due_at


def skipped(world: World) -> str:
    person = refused(world)
    world.pass_time(61)
    nothing(world)
    return person


def test_a_skipped_record_runs_again_when_it_changes(world: World) -> None:
    person = skipped(world)
    world.edit(BC, "contacts", {"displayName": "Ann"}, person)
    world.settle()
    assert world.row(DV, "contact", counterpart(world, "CONTACT", person))["fullname"] == "Ann"
    assert world.open_operations() == []


def test_a_skipped_record_runs_again_when_a_person_says_so(world: World) -> None:
    person = skipped(world)
    world.retry(record_id=person)
    assert counterpart(world, "CONTACT", person)
    assert world.open_operations() == []


def test_a_retry_that_fails_again_counts_as_the_first_time(world: World) -> None:
    person = skipped(world)
    always(world, failing(REFUSAL), system=DV, call=Create)
    world.retry(record_id=person)
    assert only_entry(world).status is OpenStatus.FAILED


def test_a_skipped_record_that_is_deleted_leaves_nothing_open(world: World) -> None:
    person = skipped(world)
    world.remove(BC, "contacts", person)
    world.settle()
    assert world.open_operations() == []


def test_a_skipped_update_is_over_when_the_other_side_is_made_equal(world: World) -> None:
    person, contact = contact_pair(world)
    always(world, failing(REFUSAL), system=DV, call=Update)
    world.edit(BC, "contacts", {"displayName": "B"}, person)
    world.settle()
    world.pass_time(61)
    assert only_entry(world).status is OpenStatus.SKIPPED
    nothing(world)
    world.edit(DV, "contact", {"fullname": "B"}, contact)
    world.settle()
    assert world.open_operations() == []


def test_a_value_that_does_not_fit_fails_with_the_name_of_its_column(world: World) -> None:
    customer, _ = customer_pair(world)
    world.edit(BC, "customers", {"creditLimit": "a lot"}, customer)
    world.settle()
    entry = only_entry(world)
    assert entry.status is OpenStatus.FAILED
    assert "creditLimit" in entry.text
    assert "'a lot'" in entry.text


def test_a_missing_privilege_stops_and_the_rest_runs(world: World) -> None:
    forbidden = Stop("the application user may not create contacts; give it the privilege", code="403")
    always(world, failing(forbidden), system=DV, call=Create)
    person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann"})
    contact = world.edit(DV, "contact", {"fullname": "Bob"})
    world.settle()
    assert counterpart(world, "CONTACT", contact)
    entry = only_entry(world)
    assert (entry.key.record_id, entry.status, entry.text) == (person, OpenStatus.STOPPED, forbidden.text)


def test_what_was_stopped_is_tried_as_long_as_it_takes_and_never_skipped(world: World) -> None:
    always(world, failing(Stop("no privilege", code="403")), system=DV, call=Create)
    person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann"})
    world.settle()
    for _ in range(5):
        world.pass_time(61)
    assert only_entry(world).status is OpenStatus.STOPPED
    nothing(world)
    world.pass_time(61)
    assert counterpart(world, "CONTACT", person)


def raising(error: SyncError) -> Callable[[object], None]:
    def act(_write: object) -> None:
        raise error

    return act


def test_credentials_that_fail_for_a_whole_call_stop_the_batch(world: World) -> None:
    always(world, raising(Stop("the secret has expired", code="401")), system=BC, call=type(None))
    person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann"})
    world.settle()
    assert only_entry(world).status is OpenStatus.STOPPED
    nothing(world)
    world.pass_time(61)
    assert counterpart(world, "CONTACT", person)
    assert world.open_operations() == []


@pytest.mark.parametrize("call", [type(None), Create])
def test_transient_trouble_is_never_counted_and_nothing_stays_open(world: World, call: type[object]) -> None:
    failures = 0

    def busy(_write: object) -> Retry | None:
        nonlocal failures
        failures += 1
        return Retry("busy", code="503") if failures <= 50 else None

    always(world, busy, system=BC if call is type(None) else DV, call=call)
    person = world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann"})
    world.settle()
    assert counterpart(world, "CONTACT", person)
    assert failures > 50
    assert world.outcomes == {Outcome.INSERTED: 1, Outcome.UNCHANGED: 1}
    assert world.open_operations() == []


def test_while_a_system_is_down_the_messages_stay_unsettled(world: World) -> None:
    always(world, failing(Retry("down", after=5.0)), system=DV)
    world.edit(BC, "contacts", {"type": "Person", "displayName": "Ann"})
    for _ in range(200):
        world.step()
    assert world._unsettled
    nothing(world)
    world.settle()
    assert not world._unsettled


def test_an_open_entry_remembers_when_it_began_and_how_often_it_was_tried(world: World) -> None:
    refused(world)
    began = only_entry(world).first_at
    world.pass_time(61)
    entry = only_entry(world)
    assert (entry.first_at, entry.attempts) == (began, 2)
    assert entry.last_at > began
