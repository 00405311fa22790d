"""The SQL of filters: comparisons, AND, OR, NOT, IN, LIKE, IS NULL, EXISTS; with SQL's unknown, which is ``None``."""

import operator
import re
from collections.abc import Callable
from typing import TypeAlias

from tests.servicebus.amqp.errors import AmqpError, argument
from tests.servicebus.amqp.types import Value

ValueOf: TypeAlias = Callable[[str], Value]
Expression: TypeAlias = Callable[[ValueOf], Value]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?)|'(?P<text>(?:[^']|'')*)'|(?P<symbol><=|>=|<>|!=|[=<>(),])"
    r"|(?P<name>\[[^\]]+\]|[A-Za-z_][\w.]*))"
)
_COMPARISONS: dict[str, Callable[[Value, Value], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def parse(expression: str) -> Expression:
    """What the expression says of a message, given the values of its properties by name.

    Raises:
        AmqpError: it cannot be understood.
    """
    return _Parser(expression).parsed()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str]] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise self._error(f"unexpected {text[at:].strip()!r}")
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            at = found.end()

    def parsed(self) -> Expression:
        expression = self._any_of()
        if self._tokens:
            raise self._error(f"unexpected {self._tokens[0][1]!r}")
        return expression

    def _error(self, what: str) -> AmqpError:
        return argument(f"The filter expression {self._text!r} is not valid: {what}.")

    def _taken(self, *words: str) -> str | None:
        """The next word, if it is one of these; taken off."""
        if self._tokens and self._tokens[0][0] != "text" and self._tokens[0][1].upper() in words:
            return self._tokens.pop(0)[1].upper()
        return None

    def _expect(self, word: str) -> None:
        if self._taken(word) is None:
            raise self._error(f"{word} is missing")

    def _any_of(self) -> Expression:
        left = self._all_of()
        while self._taken("OR"):
            left = _either(left, self._all_of())
        return left

    def _all_of(self) -> Expression:
        left = self._not()
        while self._taken("AND"):
            left = _both(left, self._not())
        return left

    def _not(self) -> Expression:
        return _negated(self._not()) if self._taken("NOT") else self._comparison()

    def _comparison(self) -> Expression:
        if self._taken("EXISTS"):
            self._expect("(")
            name = self._value()
            self._expect(")")
            return lambda value_of: name(value_of) is not None
        left = self._value()
        if sign := self._taken(*_COMPARISONS):
            return _compared(_COMPARISONS[sign], left, self._value())
        if self._taken("IS"):
            negated = self._taken("NOT")
            self._expect("NULL")
            return lambda value_of: (left(value_of) is None) != bool(negated)
        negated = self._taken("NOT")
        if self._taken("IN"):
            found = self._in(left)
        elif self._taken("LIKE"):
            found = self._like(left)
        elif negated:
            raise self._error("IN or LIKE is missing")
        else:
            return left
        return _negated(found) if negated else found

    def _in(self, left: Expression) -> Expression:
        self._expect("(")
        options = [self._value()]
        while self._taken(","):
            options.append(self._value())
        self._expect(")")
        return _known(left, lambda value, value_of: value in [option(value_of) for option in options])

    def _like(self, left: Expression) -> Expression:
        kind, pattern = self._tokens.pop(0) if self._tokens else ("", "")
        if kind != "text":
            raise self._error("LIKE needs a text")
        regular = "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern)
        return _known(left, lambda value, _: re.fullmatch(regular, str(value), re.DOTALL) is not None)

    def _value(self) -> Expression:
        if self._taken("("):
            inner = self._any_of()
            self._expect(")")
            return inner
        if not self._tokens:
            raise self._error("it ends too early")
        kind, word = self._tokens.pop(0)
        constants = {"TRUE": True, "FALSE": False, "NULL": None}
        if kind == "number":
            return _constant(float(word) if "." in word else int(word))
        if kind == "text":
            return _constant(word.replace("''", "'"))
        if kind == "name" and word.upper() in constants:
            return _constant(constants[word.upper()])
        if kind == "name":
            name = word.strip("[]").removeprefix("user.")
            return lambda value_of: value_of(name)
        raise self._error(f"unexpected {word!r}")


def _constant(value: Value) -> Expression:
    return lambda _: value


def _known(of: Expression, test: Callable[[Value, ValueOf], Value]) -> Expression:
    """The test of a value; unknown for an unknown one."""

    def tested(value_of: ValueOf) -> Value:
        value = of(value_of)
        return None if value is None else test(value, value_of)

    return tested


def _compared(compare: Callable[[Value, Value], bool], left: Expression, right: Expression) -> Expression:
    def compared(value: Value, value_of: ValueOf) -> Value:
        other = right(value_of)
        if other is None:
            return None
        try:
            return compare(value, other)
        except TypeError:
            return None

    return _known(left, compared)


def _negated(of: Expression) -> Expression:
    return _known(of, lambda value, _: not value)


def _both(left: Expression, right: Expression) -> Expression:
    def both(value_of: ValueOf) -> Value:
        values = (left(value_of), right(value_of))
        return False if False in values else None if None in values else True

    return both


def _either(left: Expression, right: Expression) -> Expression:
    def either(value_of: ValueOf) -> Value:
        values = (left(value_of), right(value_of))
        return True if True in values else None if None in values else False

    return either
