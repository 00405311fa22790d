"""The syntax of ``$filter``: from text to an expression tree.

The part of OData 4.01 URL conventions that both systems document: comparisons, ``and``, ``or``, ``not``, parentheses
and functions over properties and literals.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple, TypeAlias


class FilterSyntaxError(ValueError):
    """The text is not a filter; the message says where reading stopped."""


@dataclass(frozen=True, slots=True)
class Property:
    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. GUIDs are lower-case text with ``guid`` set, since they are written without quotes."""

    value: str | int | Decimal | bool | datetime | date | None
    guid: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple["Operand", ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    left: "Operand"
    operator: str
    right: "Operand"


@dataclass(frozen=True, slots=True)
class Logical:
    """``and`` or ``or`` of two or more parts."""

    operator: str
    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: "Expression"


Operand: TypeAlias = Property | Literal | Call
Expression: TypeAlias = Comparison | Logical | Not | Call

COMPARISONS = ("eq", "ne", "gt", "ge", "lt", "le")

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>'(?:[^']|'')*')
    | (?P<guid>[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})
    | (?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))
    | (?P<date>\d{4}-\d\d-\d\d)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_$][\w./]*)
    | (?P<mark>[(),])
    )""",
    re.VERBOSE,
)


class _Token(NamedTuple):
    kind: str
    text: str
    position: int


def parse(text: str) -> Expression:
    """The expression in ``text``.

    Raises:
        FilterSyntaxError: if ``text`` is anything else than one boolean expression.
    """
    reader = _Reader(text)
    expression = reader.disjunction()
    reader.end()
    return expression


class _Reader:
    """Recursive descent, one method a level of precedence."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._next = 0

    def disjunction(self) -> Expression:
        return self._joined("or", [self._conjunction()])

    def _conjunction(self) -> Expression:
        return self._joined("and", [self._negation()])

    def _joined(self, operator: str, parts: list[Expression]) -> Expression:
        while self._accept("name", operator):
            parts.append(self._conjunction() if operator == "or" else self._negation())
        return parts[0] if len(parts) == 1 else Logical(operator, tuple(parts))

    def _negation(self) -> Expression:
        if self._accept("name", "not"):
            return Not(self._negation())
        if self._accept("mark", "("):
            inside = self.disjunction()
            self._expect("mark", ")")
            return inside
        return self._comparison()

    def _comparison(self) -> Expression:
        left = self._operand()
        token = self._peek()
        if token.kind == "name" and token.text in COMPARISONS:
            self._next += 1
            return Comparison(left, token.text, self._operand())
        if isinstance(left, Call):
            return left
        raise FilterSyntaxError(f"A comparison is expected at position {token.position}.")

    def _operand(self) -> Operand:
        token = self._take()
        if token.kind == "name" and token.text not in ("true", "false", "null"):
            return self._call(token.text) if self._accept("mark", "(") else Property(token.text)
        if token.kind == "mark" or token.kind == "end":
            raise FilterSyntaxError(f"An expression is expected at position {token.position}.")
        return _literal(token)

    def _call(self, function: str) -> Call:
        arguments = [self._operand()]
        while self._accept("mark", ","):
            arguments.append(self._operand())
        self._expect("mark", ")")
        return Call(function, tuple(arguments))

    def end(self) -> None:
        self._expect("end", "")

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek()
        self._next = min(self._next + 1, len(self._tokens) - 1)
        return token

    def _accept(self, kind: str, text: str) -> bool:
        token = self._peek()
        found = token.kind == kind and token.text == text
        if found:
            self._next += 1
        return found

    def _expect(self, kind: str, text: str) -> None:
        token = self._peek()
        if token.kind != kind or token.text != text:
            raise FilterSyntaxError(f"Syntax error at position {token.position}: '{token.text}'.")
        self._take()


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None or match.lastgroup is None:
            raise FilterSyntaxError(f"Syntax error at position {position} in '{text}'.")
        yield _Token(match.lastgroup, match.group(match.lastgroup), match.start(match.lastgroup))
        position = match.end()
    yield _Token("end", "", len(stripped))


def _literal(token: _Token) -> Literal:
    match token.kind:
        case "text":
            return Literal(token.text[1:-1].replace("''", "'"))
        case "guid":
            return Literal(token.text.lower(), guid=True)
        case "datetime":
            try:
                return Literal(datetime.fromisoformat(token.text).astimezone(UTC))
            except ValueError as error:
                raise FilterSyntaxError(f"'{token.text}' is not a point in time.") from error
        case "date":
            return Literal(date.fromisoformat(token.text))
        case "number":
            return Literal(Decimal(token.text) if "." in token.text else int(token.text))
        case _:
            return Literal({"true": True, "false": False, "null": None}[token.text])
