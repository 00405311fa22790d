"""Changing a row on the other side, so that an interrupted write of ours is not taken for a user's edit.

Before the first request the ledger has the values. Should nobody come to record the answer, the row may have them, and
the next attempt, in either direction, knows whose they are: what the other side had when they were sent. Without that,
a user's next edit over there would look like a conflict with ours.

Columns that travel one way only need none of this: their source wins. A power loss may take the note along; the worst
that follows is a conflict that a person is asked about.
"""

from collections.abc import Iterable, Mapping

from engine.context import BatchContext
from engine.ledger import couplings, updates
from engine.ledger.couplings import CouplingMoved
from engine.ledger.database import write
from engine.ledger.recording import moved
from engine.work import Work
from schemas.row import Value
from schemas.system import System
from systems.interface import Update


def recognise(work: Work, values: Mapping[str, Value], under_way: Mapping[str, Value]) -> bool:
    """Take values that a write of ours left in a row for what both sides had; whether there were any."""
    coupling = work.coupling
    if coupling is None:
        return False
    own = {name: value for name, value in under_way.items() if name in values and values[name] == value}
    if all(name in coupling.base and coupling.base[name] == value for name, value in own.items()):
        return False
    work.coupling = coupling.copy()
    work.coupling.base.update(own)
    for system in System:
        work.coupling.set_version(system, None)
    return True


def announce(works: Iterable[Work], context: BatchContext) -> None:
    """Note in the ledger what open works are about to write, and what they recognised. One transaction a batch.

    Raises:
        Retry: another worker changed one of the couplings; nothing was noted.
    """
    announced, replaced, recognised = [], [], []
    for work in works:
        if not (work.open and isinstance(work.write, Update) and work.merge is not None):
            continue
        values = {name: value for name, value in work.merge.write.items() if work.plan.by_name[name].two_way}
        if not values:
            continue
        announced.append((work.key, values))
        if work.under_way:
            replaced.append(work.key)
        if work.coupling is not None and work.coupling.id is not None and work.coupling is not work.stored:
            recognised.append(work)
        work.under_way = values
    if not announced:
        return
    try:
        with write(context.database, durable=False) as connection:
            couplings.change(connection, [work.coupling for work in recognised if work.coupling is not None])
            updates.forget(connection, replaced)
            updates.announce(connection, announced)
    except CouplingMoved as error:
        raise moved() from error
    for work in recognised:
        if work.coupling is not None:
            work.coupling.revision += 1
            work.stored = work.coupling
