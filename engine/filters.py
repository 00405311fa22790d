"""Whether a mapping's filter admits a row."""

from collections.abc import Mapping
from decimal import Decimal

from engine.canonical import decode_option
from schemas.mapping import Condition
from schemas.row import Value


def admits(conditions: Mapping[str, Condition], values: Mapping[str, Value]) -> bool:
    """Whether every condition holds; blank text and null are the same, option names compare decoded."""
    return all(_holds(condition, values.get(column)) for column, condition in conditions.items())


def _holds(condition: Condition, value: Value) -> bool:
    comparable = _comparable(value)
    return any(_comparable(wanted) == comparable for wanted in condition.any_of) is not condition.negate


def _comparable(value: object) -> object:
    if isinstance(value, str):
        return decode_option(value).casefold() or None
    if isinstance(value, bool) or value is None:
        return value
    return Decimal(str(value))
