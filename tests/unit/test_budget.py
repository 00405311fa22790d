import threading

import pytest

from schemas.budget import NOTHING, Allowance
from schemas.errors import Retry
from systems.budget import Budget
from tests.support.budgets import FakeTime
from tests.support.eventually import eventually

LIMIT = Allowance(at_once=2, per_window=6000)


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


def budget_of(time: FakeTime, *credentials: str) -> Budget:
    return Budget("Dataverse", credentials, LIMIT, monotonic=time.monotonic, patience=0)


def test_the_least_loaded_credential_is_used(time: FakeTime) -> None:
    budget = budget_of(time, "one", "two")
    first, second = budget.start(), budget.start()
    assert (first.credential, second.credential) == (0, 1)
    budget.end(second)
    assert budget.start().credential == 1


def test_a_request_beyond_all_places_is_given_back_unsent(time: FakeTime) -> None:
    budget = budget_of(time, "one")
    budget.start()
    budget.start()
    with pytest.raises(Retry, match="used up") as raised:
        budget.start()
    assert not raised.value.throttled
    assert raised.value.after == 1.0


def test_a_refusal_pauses_that_credential_and_the_others_go_on(time: FakeTime) -> None:
    budget = budget_of(time, "one", "two")
    permit = budget.start()
    budget.refused(permit, 30.0)
    budget.end(permit, refused=True)
    assert [budget.start().credential for _ in range(2)] == [1, 1]
    with pytest.raises(Retry) as raised:
        budget.start()
    assert raised.value.after == 30.0
    time.advance(30.0)
    time.advance(1.0)  # what was saved is gone with the refusal
    assert budget.start().credential == 0


def test_whoever_waits_gets_the_place_that_another_leaves() -> None:
    budget = Budget("Dataverse", ["one"], Allowance(1, 6000))
    first = budget.start()
    started = threading.Event()

    def wait_for_a_place() -> None:
        budget.start()
        started.set()

    thread = threading.Thread(target=wait_for_a_place)
    thread.start()
    assert not started.is_set()
    budget.end(first)
    eventually(started.is_set, 5.0)
    thread.join()


def test_what_was_granted_ends_when_its_time_is_over(time: FakeTime) -> None:
    budget = budget_of(time, "one")
    budget.grant({"one": LIMIT}, 12.0)
    time.advance(11.0)
    budget.start()
    time.advance(1.0)
    with pytest.raises(Retry, match="no share"):
        budget.start()
    budget.grant({"one": LIMIT}, 12.0)
    time.advance(1.0)
    budget.start()


def test_a_process_that_was_held_up_first_gives_back_what_was_under_way(time: FakeTime) -> None:
    """Others may have done it since."""
    budget = Budget("Dataverse", ["one"], LIMIT, monotonic=time.monotonic, patience=5.0)
    budget.grant({"one": LIMIT}, 8.0)
    time.advance(20.0)
    budget.grant({"one": LIMIT}, 8.0)
    with pytest.raises(Retry, match="no sign of life") as raised:
        budget.start()
    assert raised.value.after == 6.0
    time.advance(6.0)
    budget.start()


def test_what_is_given_up_is_not_used_and_what_runs_is_told(time: FakeTime) -> None:
    budget = budget_of(time, "one", "two")
    permits = [budget.start(0), budget.start(0)]
    held = budget.give_up({"one": Allowance(1, 100), "two": NOTHING})
    assert held == {"one": Allowance(2, 100), "two": NOTHING}
    with pytest.raises(Retry):
        budget.start()
    for permit in permits:
        budget.end(permit)
    assert budget.give_up({"one": Allowance(1, 100)}) == {"one": Allowance(1, 100), "two": NOTHING}
    assert budget.start().credential == 0


def test_the_first_grant_saves_nothing_of_what_others_may_have_sent(time: FakeTime) -> None:
    budget = budget_of(time, "one")
    budget.grant({"one": LIMIT}, 60.0)
    with pytest.raises(Retry):
        budget.start()
    time.advance(0.1)
    budget.start()
