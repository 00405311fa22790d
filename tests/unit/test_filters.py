"""Whether a mapping's filter admits a row, however the systems write its values."""

import pytest

from engine.filters import admits
from schemas.mapping import Condition
from schemas.row import Value


@pytest.mark.parametrize(
    ("wanted", "value", "admitted"),
    [
        ({"any_of": (None,)}, "_x0020_", True),
        ({"any_of": (None,)}, " ", True),
        ({"any_of": (None,)}, None, True),
        ({"any_of": (None,)}, "All", False),
        ({"any_of": (3,)}, 3, True),
        ({"any_of": (3, 11)}, 11, True),
        ({"any_of": (3,)}, None, False),
        ({"any_of": ("Person",)}, "person", True),
        ({"any_of": ("Non-Inventory",)}, "Non_x002D_Inventory", True),
        ({"any_of": (True,), "negate": True}, True, False),
        ({"any_of": (True,), "negate": True}, None, True),
        ({"any_of": (True,), "negate": True}, False, True),
        ({"any_of": ("All", "Ship"), "negate": True}, "Invoice", True),
    ],
)
def test_a_condition_compares_decoded_and_blank_is_blank(
    wanted: dict[str, object], value: Value, admitted: bool
) -> None:
    assert admits({"column": Condition.model_validate(wanted)}, {"column": value}) is admitted


def test_every_condition_must_hold() -> None:
    conditions = {"type": Condition(any_of=("Person",)), "blocked": Condition(any_of=(None,))}
    assert admits(conditions, {"type": "Person", "blocked": ""})
    assert not admits(conditions, {"type": "Person", "blocked": "All"})


def test_no_conditions_admit_every_row() -> None:
    assert admits({}, {"type": "Company"})
