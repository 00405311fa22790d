"""Duplicates, reordering, interleaving, faults and restarts do not change how it ends."""

from hypothesis import given, note
from hypothesis import strategies as st

from schemas.errors import SyncError
from schemas.system import System
from systems.in_process import Moment
from systems.interface import Write
from tests.support.chaos import Chaos, Odds
from tests.support.dice import dice
from tests.support.effort import effort
from tests.support.rest import come_to_rest
from tests.support.scripts import TEXTS, Play, Step
from tests.support.world import Crash, World
from tests.support.worlds import new_world

_DISORDER = Odds(transient=0, lost_answer=0, refused=0, forbidden=0, crash=0, other_batch=0.3, other_user=0)
_TROUBLE = Odds(lost_answer=0.1, crash=0.02, other_user=0)


def _scripts() -> st.SearchStrategy[list[Step]]:
    sides = st.one_of(st.none(), st.sampled_from(sorted(TEXTS)))
    return st.lists(st.builds(Step, sides, st.integers(0, 50), st.integers(0, 31), st.integers(0, 6)), max_size=30)


@effort
@given(_scripts(), st.integers(0, 2**32))
def test_order_and_duplicates_do_not_change_the_end(script: list[Step], seed: int) -> None:
    assert end_in_trouble(script, seed, _DISORDER) == end_in_peace(script)


@effort
@given(_scripts(), st.integers(0, 2**32))
def test_faults_and_restarts_do_not_change_the_end(script: list[Step], seed: int) -> None:
    assert end_in_trouble(script, seed, _TROUBLE) == end_in_peace(script)


def end_in_peace(script: list[Step]) -> dict[int, object]:
    """Everything is delivered once, in order, and at once."""
    with new_world() as world:
        play = Play(world)
        for step in script:
            play.play(step)
            world.settle()
        come_to_rest(world)
        return play.end()


def end_in_trouble(script: list[Step], seed: int, odds: Odds) -> dict[int, object]:
    """Nothing is."""
    with new_world(seed=seed) as world:
        play = Play(world)
        chaos = Chaos(world, dice(seed), odds, lambda: None)

        def strike(system: System, moment: Moment, table: str, write: Write | None) -> SyncError | None:
            return chaos.strike(system, moment, table, write)

        world.hook = strike
        for step in script:
            play.play(step)
            _go_on(world, step.pause)
        chaos.heal()
        come_to_rest(world)
        note(f"crashes: {chaos.crashes}, outcomes: {world.outcomes}")
        return play.end()


def _go_on(world: World, steps: int) -> None:
    for _ in range(steps):
        try:
            world.step()
        except Crash:
            world.restart()
