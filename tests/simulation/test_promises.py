"""The engine's promises hold whatever users do on both sides and whatever goes wrong meanwhile.

A program is a list of what users do, with pauses, and a seed for everything else: who edits what, the order of events,
duplicates, batches, interleavings, faults, lost answers, crashes. Then all trouble ends, the world settles, and what
was promised is looked for.
"""

from dataclasses import dataclass
from typing import TypeAlias

from hypothesis import given, note
from hypothesis import strategies as st

from schemas.errors import SyncError
from schemas.mapping import DeletionConflict, Mappings, UpdateConflict
from schemas.system import System
from systems.in_process import Moment
from systems.interface import Write
from tests.support.chaos import Chaos, Odds
from tests.support.dice import dice
from tests.support.effort import effort
from tests.support.promises import Promises
from tests.support.rest import come_to_rest
from tests.support.users import PLAIN, Users
from tests.support.world import BC, DV, Crash, Hook, World
from tests.support.worlds import changed, new_world

_NEVER_CREATED = ((BC, "salespeoplePurchasers"), (DV, "transactioncurrency"))

QUIET = Odds(transient=0, lost_answer=0, refused=0, forbidden=0, crash=0, other_batch=0.2, other_user=0.2)
STORMY = Odds()
LOST = Odds(lost_answer=0.2, crash=0.03)


Side: TypeAlias = tuple[System, str]


@dataclass(frozen=True)
class Program:
    """See the module's docstring. An action is what is done, where, and how many steps the engine makes afterwards."""

    seed: int
    mappings: Mappings
    actions: list[tuple[str, Side, int]]


_CONTACTS = ((BC, "contacts"), (DV, "contact"))
_CUSTOMERS = ((BC, "customers"), (DV, "account"))
_CURRENCIES = ((BC, "currencies"), (DV, "transactioncurrency"))
_FOCUSES = (
    _CONTACTS,
    _CUSTOMERS,
    (*_CUSTOMERS, *_CONTACTS),
    (*_CUSTOMERS, *_CURRENCIES),
    tuple(sorted(PLAIN)),
)
"""Tables that a program keeps to: users meet where there are few."""

_ACTIONS = ("create", "edit", "edit", "edit", "edit", "edit", "delete", "rename", "block")

_DELETIONS = (
    DeletionConflict.NONE,
    DeletionConflict.RESTORE,
    DeletionConflict.REMOVE_COUPLING,
    DeletionConflict.DELETE,
)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Programs over some tables, with any policies."""
    deletion, conflict = draw(st.sampled_from(_DELETIONS)), draw(st.sampled_from(UpdateConflict))
    sides = draw(st.sampled_from(_FOCUSES))
    action = st.tuples(st.sampled_from(_ACTIONS), st.sampled_from(sides), st.integers(0, 4))
    beginning = [("create", side, 3) for side in sides]
    actions = draw(st.lists(action, min_size=10, max_size=40))
    mappings = changed({"update_conflict": conflict, "deletion_conflict": deletion})
    return Program(draw(st.integers(0, 2**32)), mappings, [*beginning, *actions])


@effort
@given(programs())
def test_promises_hold_while_users_and_batches_interleave(program: Program) -> None:
    run(program, QUIET)


@effort
@given(programs())
def test_promises_hold_through_faults_and_crashes(program: Program) -> None:
    run(program, STORMY)


@effort
@given(programs())
def test_promises_hold_though_answers_are_lost_and_workers_die(program: Program) -> None:
    run(program, LOST)


def run(program: Program, odds: Odds) -> None:
    """Run a program to its end, and look whether the promises were kept."""
    with new_world(program.mappings, seed=program.seed) as world:
        users = Users(world, dice(program.seed + 1))
        promises = Promises(world)
        chance, sides = dice(program.seed + 2), sorted({side for _, side, _ in program.actions})
        chaos = Chaos(world, chance, odds, lambda: _act(users, "edit", chance.choice(sides)))
        world.hook = _watched(chaos, promises)
        for action, side, pause in program.actions:
            _act(users, action, side)
            _step(world, pause)
        _step(world, 20)
        chaos.heal()
        world.duplicates = False
        come_to_rest(world)
        note(f"crashes: {chaos.crashes}, outcomes: {world.outcomes}")
        broken = promises.broken(users)
        assert broken == []
        assert [entry for entry in world.open_operations() if entry.code == "unexpected"] == []


def _act(users: Users, action: str, side: Side) -> None:
    system, table = side
    match action:
        case "create" if (system, table) not in _NEVER_CREATED:
            users.create(system, table)
        case "delete":
            users.delete(system, table)
        case "rename":
            users.rename()
        case "block":
            users.block()
        case _:
            users.edit(system, table)


def _watched(chaos: Chaos, promises: Promises) -> Hook:
    def hook(system: System, moment: Moment, table: str, write: Write | None) -> SyncError | None:
        error = chaos.strike(system, moment, table, write)
        if moment is Moment.BEFORE and error is None:
            promises.watch(system, table, write)
        return error

    return hook


def _step(world: World, steps: int) -> None:
    for _ in range(steps):
        try:
            world.step()
        except Crash:
            world.restart()
