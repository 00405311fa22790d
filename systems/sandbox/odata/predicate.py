"""What a filter means: a test of rows, and the equalities and bounds that indexes can use."""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from systems.sandbox.odata.syntax import Call, Comparison, Expression, Literal, Logical, Not, Operand, Property

Row: TypeAlias = Mapping[str, Any]
Predicate: TypeAlias = Callable[[Row], bool]
Getter: TypeAlias = Callable[[Row], Any]


class FilterNotSupported(ValueError):
    """The filter is well formed, but the system refuses it; the message is the system's reason."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one system compares.

    Attributes:
        column: the stored column behind a property name, checked against a literal it is compared with (``None`` for
            another property or a function); raises :class:`FilterNotSupported`.
        ignore_case: whether text is equal regardless of case.
    """

    column: Callable[[str, Literal | None], str]
    ignore_case: bool


_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_TEXT_TESTS: dict[str, Callable[[str, str], bool]] = {
    "contains": lambda text, part: part in text,
    "startswith": lambda text, part: text.startswith(part),
    "endswith": lambda text, part: text.endswith(part),
}
_TEXT_FUNCTIONS: dict[str, Callable[[str], str]] = {"tolower": str.lower, "toupper": str.upper, "trim": str.strip}


def predicate(expression: Expression, dialect: Dialect) -> Predicate:
    """The test that ``expression`` stands for.

    Raises:
        FilterNotSupported: a column or function is unknown, or a literal does not fit the column.
    """
    match expression:
        case Logical(operator="and", parts=parts):
            tests = [predicate(part, dialect) for part in parts]
            return lambda row: all(test(row) for test in tests)
        case Logical(parts=parts):
            tests = [predicate(part, dialect) for part in parts]
            return lambda row: any(test(row) for test in tests)
        case Not(part=part):
            test = predicate(part, dialect)
            return lambda row: not test(row)
        case Call():
            return _text_test(expression, dialect)
        case Comparison():
            return _comparison(expression, dialect)


def _comparison(comparison: Comparison, dialect: Dialect) -> Predicate:
    left = _getter(comparison.left, comparison.right, dialect)
    right = _getter(comparison.right, comparison.left, dialect)
    match comparison.operator:
        case "eq":
            return lambda row: bool(left(row) == right(row))
        case "ne":
            return lambda row: bool(left(row) != right(row))
        case name:
            compare = _ORDERINGS[name]
            return lambda row: (a := left(row)) is not None and (b := right(row)) is not None and compare(a, b)


def _text_test(call: Call, dialect: Dialect) -> Predicate:
    if call.function not in _TEXT_TESTS or len(call.arguments) != 2:
        raise FilterNotSupported(f"An unknown function with name '{call.function}' was found.")
    test = _TEXT_TESTS[call.function]
    text, part = (_getter(argument, Literal(""), dialect) for argument in call.arguments)
    return lambda row: isinstance(value := text(row), str) and test(value, part(row))


def _getter(operand: Operand, compared_with: Operand, dialect: Dialect) -> Getter:
    match operand:
        case Literal(value=value):
            constant: Any = value.lower() if dialect.ignore_case and isinstance(value, str) else value
            return lambda _: constant
        case Property(name=name):
            column = dialect.column(name, compared_with if isinstance(compared_with, Literal) else None)
            return _ignoring_case(column) if dialect.ignore_case else lambda row: row.get(column)
        case Call(function=name, arguments=(argument,)) if name in _TEXT_FUNCTIONS:
            return _changed(_TEXT_FUNCTIONS[name], _getter(argument, Literal(""), dialect))
        case Call(function=name):
            raise FilterNotSupported(f"An unknown function with name '{name}' was found.")


def _ignoring_case(column: str) -> Getter:
    return _changed(str.lower, lambda row: row.get(column))


def _changed(change: Callable[[str], str], getter: Getter) -> Getter:
    def changed(row: Row) -> Any:
        value = getter(row)
        return change(value) if isinstance(value, str) else value

    return changed


def equalities(expression: Expression | None, dialect: Dialect) -> Iterator[list[tuple[str, Any]]]:
    """Sets of (column, value) of which every matching row fulfils at least one: candidates for an equality index."""
    match expression:
        case Comparison(left=Property(name=name), operator="eq", right=Literal(value=value) as literal):
            yield [(dialect.column(name, literal), value)]
        case Comparison(Call("tolower", (Property(name=name),)), "eq", Literal(value=value) as literal):
            yield [(dialect.column(name, literal), value)]
        case Logical(operator="and", parts=parts):
            for part in parts:
                yield from equalities(part, dialect)
        case Logical(operator="or", parts=parts):
            choices = [next(equalities(part, dialect), None) for part in parts]
            if all(choice is not None for choice in choices):
                yield [pair for choice in choices if choice is not None for pair in choice]


def lower_bounds(expression: Expression | None, dialect: Dialect) -> Iterator[tuple[str, Any]]:
    """Columns with a value that no matching row is below."""
    match expression:
        case Comparison(left=Property(name=name), operator=("gt" | "ge"), right=Literal(value=value) as literal):
            yield dialect.column(name, literal), value
        case Logical(operator="and", parts=parts):
            for part in parts:
                yield from lower_bounds(part, dialect)


def properties(expression: Expression) -> set[str]:
    """The names of all properties in ``expression``."""
    match expression:
        case Logical(parts=parts):
            return set().union(*(properties(part) for part in parts))
        case Not(part=part):
            return properties(part)
        case Call(arguments=arguments):
            return set().union(*(_of_operand(argument) for argument in arguments))
        case Comparison(left=left, right=right):
            return _of_operand(left) | _of_operand(right)


def _of_operand(operand: Operand) -> set[str]:
    match operand:
        case Property(name=name):
            return {name}
        case Call(arguments=arguments):
            return set().union(*(_of_operand(argument) for argument in arguments))
        case Literal():
            return set()
