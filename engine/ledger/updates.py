"""Updates under way: which values of ours a row may have, should nobody come to record that it was written.

An update is in the ledger before the first request, and leaves it in the transaction that records what became of it.
Whoever finds one of an earlier attempt does not take its values for a user's: they are what the other side had then.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, insert, select, tuple_

from engine.ledger.both_ways import either_way, parameters
from engine.ledger.models import UpdateModel, table_of
from schemas.operations import OperationKey
from schemas.row import Value
from schemas.system import Direction

_TABLE = table_of(UpdateModel)
_KEY = tuple_(_TABLE.c.mapping, _TABLE.c.direction, _TABLE.c.record_id)


_LOAD = select(_TABLE).where(either_way(_TABLE))


def load(
    connection: Connection, mapping: str, direction: Direction, ids: Sequence[str], counter_ids: Sequence[str]
) -> dict[OperationKey, dict[str, Value]]:
    """The values under way of these records, and of their counterparts in the opposite direction. One query."""
    return {
        OperationKey(row.mapping, Direction(row.direction), row.record_id): row.values
        for row in connection.execute(_LOAD, parameters(mapping, direction, ids, counter_ids))
    }


def announce(connection: Connection, updates: Sequence[tuple[OperationKey, dict[str, Value]]]) -> None:
    """Add the canonical values about to be written, by column name; of records that have none."""
    connection.execute(
        insert(_TABLE),
        [
            {
                "mapping": key.mapping,
                "direction": key.direction.value,
                "record_id": key.record_id,
                "values": values,
            }
            for key, values in updates
        ],
    )


def forget(connection: Connection, keys: Iterable[OperationKey]) -> None:
    """It is known what became of these."""
    rows = [(key.mapping, key.direction.value, key.record_id) for key in keys]
    if rows:
        connection.execute(delete(_TABLE).where(_KEY.in_(rows)))
