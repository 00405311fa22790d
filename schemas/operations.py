"""Operations: what the engine does because of an event."""

from dataclasses import dataclass

from schemas.system import Direction


@dataclass(frozen=True, slots=True)
class OperationKey:
    """One record of one mapping, carried in one direction. Operations of one key run strictly one after another.

    ``record_id`` is the source row's id.
    """

    mapping: str
    direction: Direction
    record_id: str
