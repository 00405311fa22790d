"""Creating a row on the other side, once, whatever crashes or is delivered twice.

An intent with the values is in the ledger before the first request. Dataverse takes an id from its caller: derived from
mapping, source id and generation, so that doing it again meets the row that is there. Business Central takes none:
whoever finds an intent of an earlier attempt looks for the row by time and values. Found once, it is adopted; not at
all, it is created; more often than such rows were announced, a person decides.

An adopted row is merged on the values of the intent: what a user changed in it since is theirs.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID, uuid5

from engine.context import BatchContext
from engine.ledger import couplings, intents
from engine.ledger.database import read, write
from engine.ledger.intents import Intent
from engine.ledger.open_operations import OpenStatus
from engine.ledger.recording import moved
from engine.matching import new_coupling
from engine.reading import describes
from engine.work import Work
from schemas.errors import Retry, Skip
from schemas.outcomes import Outcome
from schemas.row import Row, Value
from systems.interface import Create

_NAMESPACE = UUID("6f1c7a52-3d0e-5b7c-9a44-2f6b0d1e8c39")
"""Of derived ids. Never change it: ids of rows that exist depend on it."""

_CLOCK_SKEW = timedelta(minutes=10)
"""How far a system's clock may be behind ours when a row that we created is looked for by time."""

_FRESH = timedelta(seconds=3)
"""How long after its announcement a row is created. A worker that comes to it later may have been held up for so long
that another one has created the row: it looks first. Less than any group waits for a worker."""

_PAGE = 1000

AMBIGUOUS = "ambiguous_create"
"""Code of the error of a record that several rows may have been created for."""


def derived_id(mapping: str, source_id: str, generation: int) -> str:
    """The id of the row that a source row becomes. A restored row is a new generation, hence a new row."""
    return str(uuid5(_NAMESPACE, f"{mapping}/{source_id}/{generation}"))


def adopt(works: Iterable[Work], context: BatchContext) -> None:
    """Couple rows that an earlier attempt created; park where several may be the one.

    Raises:
        Retry, Stop: of looking.
    """
    tried = [(work, work.intent) for work in works if work.coupling is None and work.intent is not None]
    if not tried:
        return
    if all(intent.created_id for _, intent in tried):
        rows = context.read_destination(intent.created_id for _, intent in tried if intent.created_id)
        candidates = [[rows[intent.created_id]] if intent.created_id in rows else [] for _, intent in tried]
    else:
        candidates = _look_for([intent for _, intent in tried], context)
    with read(context.database) as connection:
        announced = intents.load_all(connection, context.plan.name, context.direction)  # those of other batches too
    standing = {intent.key for intent in announced}
    claimed: set[str] = set()
    for (work, intent), found in zip(tried, candidates, strict=True):
        if intent.key not in standing:
            work.again(moved())  # by the worker that had announced it, and was only slow
            continue
        free = [row for row in found if row.id not in claimed]
        if not free:
            work.looked = True
        elif len(found) <= sum(_same_row(intent, other) for other in announced):
            claimed.add(free[0].id)
            work.destination_row = free[0]
            work.coupling = new_coupling(work, context, free[0], _base(work, context, intent.values))
            work.found = Outcome.INSERTED
        else:
            ids = ", ".join(row.id for row in found)
            text = f"created before an interruption, and now one of {ids}: couple the right one (twinrow couplings add)"
            work.end(Outcome.PARKED, Skip(text, code=AMBIGUOUS), status=OpenStatus.PARKED)


def _same_row(one: Intent, other: Intent) -> bool:
    """Whether two intents announce rows that nobody can tell apart, so that either may have either row."""
    return one.values == other.values


def _base(work: Work, context: BatchContext, values: Mapping[str, Value]) -> dict[str, Value]:
    """What both rows had when the destination's was created; what was not sent was blank."""
    return {column.name: values.get(column.name) for column in work.plan.flowing(context.direction) if column.compared}


def prepare(works: Iterable[Work], context: BatchContext) -> None:
    """Give works that are still uncoupled their create, announced in the ledger. One transaction a batch.

    A row that the other direction has coupled since it was looked up is left for the next attempt.
    """
    announced, replaced = [], []
    creating: dict[str, Work] = {}
    for work in works:
        if not work.open or work.coupling is not None:
            continue
        try:
            values = _values(work, context)
        except Skip as error:
            work.end(Outcome.FAILED, error)
            continue
        row_id = _chosen_id(work, context)
        work.write = Create(row_id, values)
        known = {name: work.source[name] for name in work.source if name in work.plan.by_name and _is_sent(work, name)}
        if work.intent is not None:
            replaced.append(work.key)
        work.intent = Intent(work.key, row_id, known, context.clock())
        announced.append(work.intent)
        creating[work.key.record_id] = work
    if announced:
        source = context.direction.source
        with write(context.database) as connection:
            taken = couplings.taken(connection, context.plan.name, source, list(creating))
            intents.fulfil(connection, replaced)
            intents.declare(connection, [intent for intent in announced if intent.key.record_id not in taken])
        for record_id in taken:
            creating[record_id].again(moved())


def give_back_overdue(works: Iterable[Work], context: BatchContext) -> None:
    """Creates that were announced too long ago are left for the next attempt, which looks for their rows."""
    since = context.clock() - _FRESH
    for work in works:
        if isinstance(work.write, Create) and work.intent is not None and work.intent.at < since:
            work.again(Retry("held up between announcing the row and creating it; it is looked for", after=0.0))


def _chosen_id(work: Work, context: BatchContext) -> str | None:
    if not context.destination.capabilities.client_ids or context.destination_table.choice:
        return None
    generation = work.uncoupled.generation if work.uncoupled else 0
    return derived_id(work.plan.name, work.key.record_id, generation)


def _is_sent(work: Work, name: str) -> bool:
    column = work.plan.by_name[name]
    return work.direction in column.flows and column.compared and work.source[name] is not None


def _values(work: Work, context: BatchContext) -> dict[str, Value]:
    """What the new row gets: every flowing column that is not blank, and what is for new rows only."""
    source = context.direction.source
    values: dict[str, Value] = {}
    for column in work.plan.flowing(context.direction):
        if column.column.derive is not None:
            values[column.name] = column.column.derive.text(work.key.record_id)
        elif column.column.name_in(source) is None:
            values[column.name] = column.read[context.direction.destination](column.column.constant)
        elif column.name in work.source:
            values[column.name] = work.source[column.name]
    return context.written({name: value for name, value in values.items() if value is not None})


def _look_for(wanted: Sequence[Intent], context: BatchContext) -> list[list[Row]]:
    """For each intent the free rows, modified since, that it may have become."""
    since = min(intent.at for intent in wanted) - _CLOCK_SKEW
    found: list[list[Row]] = [[] for _ in wanted]
    system, cursor = context.direction.destination, None
    while True:
        page = context.destination.scan(context.destination_table, since=since, cursor=cursor, page_size=_PAGE)
        context.learn_references(system, page.rows)
        with read(context.database) as connection:
            taken = couplings.taken(connection, context.plan.name, system, [row.id for row in page.rows])
        for row in page.rows:
            if row.id in taken:
                continue
            try:
                values = context.canonical(system, row)
            except Skip:
                continue  # what was created here can be read here
            for intent, candidates in zip(wanted, found, strict=True):
                if describes(intent, values):
                    candidates.append(row)
        cursor = page.cursor
        if cursor is None:
            return found
