"""Taking part in a world: what happens at a call to a system, the first time or every time that it fits."""

from collections.abc import Callable
from typing import TypeAlias

from schemas.errors import SyncError
from schemas.system import System
from systems.in_process import Moment
from systems.interface import Create, Delete, Update, Write
from tests.support.world import Crash, World

Action: TypeAlias = Callable[[Write | None], SyncError | None]
"""What happens; answers the error that the call fails with."""

WRITES = (Create, Update, Delete)
READ = type(None)


def at_first(
    world: World,
    action: Action,
    *,
    system: System,
    call: type[object] | tuple[type[object], ...] = WRITES,
    moment: Moment = Moment.BEFORE,
) -> None:
    """``action`` happens at the first such call, and never again."""
    happened = False

    def only_once(write: Write | None) -> SyncError | None:
        nonlocal happened
        if happened:
            return None
        happened = True
        return action(write)

    always(world, only_once, system=system, call=call, moment=moment)


def always(
    world: World,
    action: Action,
    *,
    system: System,
    call: type[object] | tuple[type[object], ...] = WRITES,
    moment: Moment = Moment.BEFORE,
) -> None:
    """``action`` happens at every such call, until another hook takes its place."""

    def hook(where: System, when: Moment, _table: str, write: Write | None) -> SyncError | None:
        fits = where is system and when is moment and isinstance(write, call)
        return action(write) if fits else None

    world.hook = hook


def nothing(world: World) -> None:
    """From now on everything works."""
    world.hook = lambda _system, _moment, _table, _write: None


def failing(error: SyncError) -> Action:
    """The call fails."""
    return lambda _write: error


def doing(action: Callable[[], object]) -> Action:
    """Somebody does something meanwhile; the call works."""

    def act(_write: Write | None) -> None:
        action()

    return act


def crashing(_write: Write | None) -> SyncError | None:
    """The worker dies."""
    raise Crash


def crash_at(world: World, *, system: System, call: type[object], moment: Moment) -> None:
    """Settle, and let the worker die at the first such call; a new one takes over, and settles too."""
    at_first(world, crashing, system=system, call=call, moment=moment)
    try:
        world.settle()
    except Crash:
        world.restart()
        world.redeliver_outbox()
        world.settle()
    else:
        raise AssertionError("no such call happened")
