"""The first step: what the ledger knows about the records of a batch. One reading transaction."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from engine.ledger import couplings, intents, mapping_states, open_operations, runs, updates
from engine.ledger.database import read
from engine.ledger.intents import Intent
from engine.plan import Plan, Plans
from engine.work import Work
from schemas.operations import OperationKey
from schemas.system import Direction


@dataclass(frozen=True, slots=True)
class Recalled:
    """What goes for the whole batch.

    Attributes:
        only_coupled: per mapping, whether uncoupled rows are left alone now.
        intents: rows of the destination that somebody is creating just now, or was when a worker died.
        counter_intents: the same of the source, from the other side.
    """

    only_coupled: dict[str, bool]
    intents: Sequence[Intent]
    counter_intents: Sequence[Intent]


def recall(works: Sequence[Work], plans: Plans, plan: Plan, direction: Direction, database: Engine) -> Recalled:
    """Fill in coupling, open operations, note of uncoupling and interrupted writes of each work."""
    ids = [work.key.record_id for work in works]
    source = direction.source
    with read(database) as connection:
        # Intents before couplings: one that is fulfilled in between shows as a coupling, never as neither.
        announced = intents.load(connection, plan.name)
        coupled = couplings.load(connection, plan.name, source, ids)
        entries = open_operations.load(connection, plan.name, direction, ids)
        counter_ids = [coupling.id_in(direction.destination) for coupling in coupled.values()]
        counter_entries = open_operations.load(connection, plan.name, direction.reverse, counter_ids)
        under_way = updates.load(connection, plan.name, direction, ids, counter_ids)
        uncoupled = couplings.load_uncoupled(connection, plan.name, source, ids)
        only_coupled = mapping_states.wants_only_coupled(connection, plans.mappings.mappings)
        for work in works:
            work.entry = entries.get(work.key.record_id)
        overwriting = runs.overwriting(connection, {run_id for work in works for run_id in work.run_ids})
    own = {intent.key.record_id: intent for intent in announced if intent.key.direction is direction}
    for work in works:
        record_id = work.key.record_id
        work.coupling = work.stored = coupled.get(record_id)
        work.under_way = under_way.get(work.key, {})
        if work.coupling is not None:
            counter_id = work.coupling.id_in(direction.destination)
            work.counter_entry = counter_entries.get(counter_id)
            work.counter_under_way = under_way.get(OperationKey(plan.name, direction.reverse, counter_id), {})
        work.uncoupled = uncoupled.get(record_id)
        work.intent = own.get(record_id)
        work.overwrite = not overwriting.isdisjoint(work.run_ids)
    counter_intents = [intent for intent in announced if intent.key.direction is not direction]
    return Recalled(only_coupled, list(own.values()), counter_intents)
