"""Operations: what the engine does because of an event."""

from typing import NamedTuple

from schemas.system import Direction


class OperationKey(NamedTuple):
    """One record of one mapping, carried in one direction. Operations of one key run strictly one after another.

    ``record_id`` is the source row's id.
    """

    mapping: str
    direction: Direction
    record_id: str
