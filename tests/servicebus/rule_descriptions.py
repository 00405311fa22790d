"""Rules of subscriptions as ``$management`` says them."""

from tests.servicebus.amqp.errors import argument
from tests.servicebus.amqp.types import Described, Timestamp, ULong, Value
from tests.servicebus.filters import PROPERTIES, CorrelationFilter, FalseFilter, Filter, SqlFilter, TrueFilter

_RULE, _NO_ACTION = (ULong(0x13700000000 + number) for number in (4, 5))
_SQL, _TRUE, _FALSE, _CORRELATION = (ULong(0x1370000000 + number) for number in (6, 7, 8, 9))
"""Microsoft's numbers; those of filters have one digit less."""


def filter_of(description: dict[str, Value]) -> Filter:
    """The filter of a rule that is to be added.

    Raises:
        AmqpError: it says none that there is.
    """
    if (sql := description.get("sql-filter")) is not None:
        return SqlFilter(sql["expression"])
    if (wanted := description.get("correlation-filter")) is not None:
        system = {name: wanted[said] for said, name in PROPERTIES.items() if wanted.get(said) is not None}
        return CorrelationFilter(system, wanted.get("properties") or {})
    if "true-filter" in description:
        return TrueFilter()
    if "false-filter" in description:
        return FalseFilter()
    raise argument("The rule has no filter.")


def described(name: str, rule: Filter) -> Described:
    """A rule that is there."""
    return Described(_RULE, [_filter(rule), Described(_NO_ACTION, []), name, Timestamp(0)])


def _filter(rule: Filter) -> Described:
    match rule:
        case SqlFilter():
            return Described(_SQL, [rule.expression, None])
        case CorrelationFilter():
            system = [rule.system.get(name) for name in PROPERTIES.values()]
            return Described(_CORRELATION, [*system, dict(rule.application)])
        case FalseFilter():
            return Described(_FALSE, ["1=0", None])
    return Described(_TRUE, ["1=1", None])
