"""Operations: what the engine does because of an event, and the names under which they wait."""

from dataclasses import dataclass

from schemas.system import Direction, System


@dataclass(frozen=True, slots=True)
class OperationKey:
    """One record of one mapping, carried in one direction. Operations of one key run strictly one after another.

    ``record_id`` is the source row's id.
    """

    mapping: str
    direction: Direction
    record_id: str


def reference_key(system: System, table: str, by: str, value: str) -> str:
    """What a waiting operation waits on: the record of ``table`` whose id (``by`` = ``id``) or key column is ``value``.

    Equal text means the same record, whichever mapping couples it: keys are compared in upper case, ids in lower.
    """
    return f"{system.value}:{table}:{by}:{value.lower() if by == 'id' else value.strip().upper()}"
