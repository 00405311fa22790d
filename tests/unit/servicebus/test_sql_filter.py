"""The SQL of filters."""

import pytest

from tests.servicebus.amqp.errors import AmqpError
from tests.servicebus.sql_filter import parse

_CARRIED = {"color": "red", "size": 3, "it's": True, "name": "Contoso (1)"}


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("color = 'red'", True),
        ("color <> 'red'", False),
        ("size >= 3 AND size < 4", True),
        ("size > 3 OR color = 'red'", True),
        ("NOT (size > 3)", True),
        ("color IN ('blue', 'red')", True),
        ("color NOT IN ('blue')", True),
        ("name LIKE 'Con%(1)'", True),
        ("name NOT LIKE '_ontoso'", True),
        ("missing = 1", None),
        ("missing = 1 OR size = 3", True),
        ("missing = 1 AND size = 4", False),
        ("NOT missing = 1", None),
        ("missing IS NULL", True),
        ("color IS NOT NULL", True),
        ("EXISTS(color)", True),
        ("EXISTS(missing)", False),
        ("[it's]", True),
        ("user.color = 'red'", True),
        ("color > 3", None),
        ("1=1", True),
        ("TRUE", True),
    ],
)
def test_an_expression_says(expression: str, answer: bool | None) -> None:
    assert parse(expression)(_CARRIED.get) is answer


@pytest.mark.parametrize(
    "expression", ["", "color =", "color = 'red", "(color", "color LIKE 3", "color red", "color ! 3", "a NOT 1"]
)
def test_what_is_no_expression_is_refused(expression: str) -> None:
    with pytest.raises(AmqpError, match="is not valid"):
        parse(expression)
