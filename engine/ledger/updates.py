"""Updates under way: which values of ours a row may have, should nobody come to record that it was written.

An update is in the ledger before the first request, and leaves it in the transaction that records what became of it.
Whoever finds one of an earlier attempt does not take its values for a user's: they are what the other side had then.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete

from engine.ledger import many_rows
from engine.ledger.models import UpdateModel, table_of
from engine.ledger.record_keys import both_ways, by_lane, either_way, of_lane, values_of
from schemas.operations import OperationKey
from schemas.row import Value
from schemas.system import Direction

_TABLE = table_of(UpdateModel)

# Statements of the hot path are made once: making one costs more than running it.
_LOAD = either_way(_TABLE)
_FORGET = delete(_TABLE).where(of_lane(_TABLE))


def load(
    connection: Connection, mapping: str, direction: Direction, ids: Sequence[str], counter_ids: Sequence[str]
) -> dict[OperationKey, dict[str, Value]]:
    """The values under way of these records, and of their counterparts in the opposite direction. One query."""
    return {
        OperationKey(row.mapping, Direction(row.direction), row.record_id): row.values
        for row in connection.execute(_LOAD, both_ways(mapping, direction, ids, counter_ids))
    }


def announce(connection: Connection, updates: Sequence[tuple[OperationKey, dict[str, Value]]]) -> None:
    """Add the canonical values about to be written, by column name; of records that have none."""
    many_rows.insert(connection, _TABLE, [{**values_of(key), "values": values} for key, values in updates])


def forget(connection: Connection, keys: Iterable[OperationKey]) -> None:
    """It is known what became of these."""
    for lane in by_lane(keys):
        connection.execute(_FORGET, lane)
