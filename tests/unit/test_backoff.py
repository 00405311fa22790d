"""How long to wait before trying again."""

import pytest

from engine.backoff import delay
from schemas.errors import OutcomeUnknown, Retry


def test_waits_grow_with_the_attempts_up_to_a_minute() -> None:
    assert all(0 <= delay(1, Retry("busy")) <= 1 for _ in range(50))
    assert max(delay(30, Retry("busy")) for _ in range(200)) > 10
    assert all(delay(30, OutcomeUnknown("lost")) <= 60 for _ in range(50))


def test_waits_differ_so_that_those_who_failed_together_do_not_come_back_together() -> None:
    assert len({delay(8, Retry("busy")) for _ in range(20)}) > 10


@pytest.mark.parametrize("attempts", [1, 5, 50])
def test_what_the_system_asked_for_is_waited_for(attempts: int) -> None:
    assert delay(attempts, Retry("locked", after=2.0)) == 2.0
    assert delay(attempts, Retry("throttled", after=120.0, throttled=True)) >= 120.0
