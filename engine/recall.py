"""The first step: what the ledger knows about the records of a batch. One reading transaction, few queries.

Only what the batch needs is asked for: intents and notes of uncoupling matter to uncoupled records alone.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, Engine

from engine.ledger import couplings, intents, open_operations, runs, updates
from engine.ledger.database import read
from engine.ledger.intents import Intent
from engine.plan import Plan
from engine.work import Work
from schemas.operations import OperationKey
from schemas.system import Direction


def recall(works: Sequence[Work], plan: Plan, direction: Direction, database: Engine) -> Sequence[Intent]:
    """Fill in coupling, open operations, note of uncoupling and interrupted writes of each work.

    The answer is which rows of the source, should there be uncoupled ones, are being created just now from the other
    side, or were when a worker died.
    """
    ids = [work.key.record_id for work in works]
    with read(database, snapshot=True) as connection:
        coupled = couplings.load(connection, plan.name, direction.source, ids)
        uncoupled = [work for work in works if work.key.record_id not in coupled]
        counter_intents = _recall_uncoupled(connection, uncoupled, plan, direction) if uncoupled else []
        counter_ids = [coupling.id_in(direction.destination) for coupling in coupled.values()]
        entries = open_operations.load(connection, plan.name, direction, ids, counter_ids)
        under_way = updates.load(connection, plan.name, direction, ids, counter_ids)
        for work in works:
            work.entry = entries.get(work.key)
        overwriting = runs.overwriting(connection, {run_id for work in works for run_id in work.run_ids})
    for work in works:
        work.coupling = work.stored = coupled.get(work.key.record_id)
        work.under_way = under_way.get(work.key, {})
        if work.coupling is not None:
            counter = OperationKey(plan.name, direction.reverse, work.coupling.id_in(direction.destination))
            work.counter_entry = entries.get(counter)
            work.counter_under_way = under_way.get(counter, {})
        work.overwrite = not overwriting.isdisjoint(work.run_ids)
    return counter_intents


def _recall_uncoupled(
    connection: Connection, works: Sequence[Work], plan: Plan, direction: Direction
) -> Sequence[Intent]:
    ids = [work.key.record_id for work in works]
    own, counter_intents = intents.load(connection, plan.name, direction, ids)
    notes = couplings.load_uncoupled(connection, plan.name, direction.source, ids)
    for work in works:
        work.uncoupled = notes.get(work.key.record_id)
        work.intent = own.get(work.key.record_id)
    return counter_intents
