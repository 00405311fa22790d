from math import inf

import pytest

from schemas.budget import NOTHING, WINDOW, Allowance
from systems.meter import Meter

LIMIT = Allowance(at_once=5, per_window=6000)


def sent(meter: Meter, now: float, until: float) -> int:
    """How many requests go out from ``now`` to ``until``, each over at once."""
    count = 0
    while True:
        wait = meter.wait(now)
        now += wait
        if now > until:
            return count
        if wait == 0:
            meter.start(now)
            meter.end(now, refused=False)
            count += 1


def test_no_more_than_its_places_are_under_way() -> None:
    meter = Meter(LIMIT, 0.0)
    for _ in range(5):
        assert meter.wait(0.0) == 0
        meter.start(0.0)
    assert meter.wait(0.0) == inf
    meter.end(0.0, refused=False)
    assert meter.wait(0.0) == 0


def test_a_window_never_holds_more_than_the_share_and_nearly_all_of_it_flows() -> None:
    meter = Meter(LIMIT, 0.0)
    assert 5900 <= sent(meter, 0.0, WINDOW) <= 6000
    assert 5600 <= sent(meter, WINDOW, 2 * WINDOW) <= 6000


def test_after_a_rest_a_small_burst_goes_out_at_once() -> None:
    meter = Meter(LIMIT, 0.0)
    assert sent(meter, 0.0, 0.0) == 240
    assert sent(meter, 1000.0, 1000.0) == 240


def test_a_refusal_pauses_for_as_long_as_the_system_asks_and_halves_the_pace() -> None:
    meter = Meter(LIMIT, 0.0)
    meter.start(10.0)
    meter.refused(10.5, 10.0, after=17.0)
    meter.end(10.0, refused=True)
    assert meter.wait(10.5) == 17.0
    assert meter.usage(27.5).pace == 0.5
    assert sent(meter, 27.5, 28.5) <= 10  # about 19 at full pace


def test_refusals_of_one_moment_are_one_sign() -> None:
    meter = Meter(LIMIT, 0.0)
    for _ in range(4):
        meter.start(10.0)
    for _ in range(4):
        meter.refused(10.5, 10.0, after=1.0)
    assert meter.usage(10.5).pace == 0.5
    assert meter.usage(10.5).refused == 4


def test_the_pace_recovers_with_time_and_the_flow_with_it() -> None:
    meter = Meter(LIMIT, 0.0)
    meter.refused(0.0, 0.0, after=None)
    slow = sent(meter, 1.0, 4.0)
    sent(meter, 4.0, 60.0)
    assert meter.usage(60.0).pace == 1.0
    assert slow < 0.8 * sent(meter, 60.0, 63.0)


def test_pauses_that_the_system_does_not_name_grow_until_something_succeeds() -> None:
    meter = Meter(LIMIT, 0.0)
    pauses = []
    now = 0.0
    for _ in range(8):
        meter.refused(now, now, after=None)
        pauses.append(meter.paused(now))
        now += pauses[-1]
    assert pauses == [0.25, 0.5, 1, 2, 4, 4, 4, 4]
    meter.start(now)
    meter.end(now, refused=False)
    meter.refused(now, now, after=None)
    assert meter.paused(now) == 0.25


def test_the_slowest_pace_still_leaves_a_place() -> None:
    meter = Meter(LIMIT, 0.0)
    for second in range(20):
        meter.refused(float(second), float(second), after=0.0)
    assert sent(meter, 20.0, 25.0) > 0


def test_what_comes_on_top_of_a_share_is_not_there_at_once() -> None:
    meter = Meter(Allowance(1, 1000), 0.0)
    assert sent(meter, 0.0, 0.0) == 40
    meter.grant(LIMIT, 0.0)
    assert sent(meter, 0.0, 0.0) == 0
    assert sent(meter, 0.0, 1.0) == 19


def test_a_share_that_shrinks_takes_along_what_was_saved() -> None:
    meter = Meter(LIMIT, 0.0)
    meter.lower(Allowance(1, 1000), 0.0)
    assert sent(meter, 0.0, 0.0) == 40


def test_without_a_share_nothing_is_sent() -> None:
    assert Meter(NOTHING, 0.0).wait(100.0) == inf


@pytest.mark.parametrize("share", [Allowance(1, 3), Allowance(2, 300), Allowance(52, 6000), Allowance(3, 77)])
def test_every_window_holds_however_it_is_used(share: Allowance) -> None:
    meter = Meter(share, 0.0)
    starts: list[float] = []
    now = 0.0
    while now < 3 * WINDOW:
        wait = meter.wait(now)
        if wait == 0:
            meter.start(now)
            meter.end(now, refused=False)
            starts.append(now)
            if len(starts) % 50 == 0:
                now += 40.0  # a rest now and then, so that a burst is saved
        else:
            now += wait
    assert all(sum(start - WINDOW < other <= start for other in starts) <= share.per_window for start in starts[::7])
