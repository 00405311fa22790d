"""What may be written shorter in a mapping file than the models of ``schemas/mapping.py`` are shaped.

Each function takes what stands in the file and gives the long form; what is not a short form is given back unchanged,
so that the model reports its faults. The constants describe the short forms for the JSON Schema.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from pydantic import JsonValue

_PAIR = re.compile(r"(?P<business_central>\S+)\s+(?P<arrow><->|->|<-)\s+(?P<dataverse>\S+)")
_DIRECTIONS = {"<->": "bidirectional", "->": "to_dataverse", "<-": "from_dataverse"}

_SCALAR: dict[str, JsonValue] = {"type": ["boolean", "integer", "number", "string", "null"]}
_SCALARS: dict[str, JsonValue] = {"type": "array", "items": _SCALAR, "minItems": 1}
_ONLY_IF: dict[str, JsonValue] = {"enum": ["company", "person_ownership", "team_ownership"]}

CONDITION: list[dict[str, JsonValue]] = [
    _SCALAR,
    _SCALARS,
    {
        "type": "object",
        "properties": {"not": {"anyOf": [_SCALAR, _SCALARS]}, "only_if": _ONLY_IF},
        "required": ["not"],
        "additionalProperties": False,
    },
]
NAMES: list[dict[str, JsonValue]] = [
    {"type": "string"},
    {"type": "array", "items": {"type": "string"}, "minItems": 1},
]
PAIR: dict[str, JsonValue] = {"type": "string", "pattern": r"^\S+\s+(<->|->|<-)\s+\S+$"}


def condition(value: Any) -> Any:
    """``value`` or ``[value, value]`` → ``{any_of: […]}``; ``{not: …}`` → ``{any_of: […], negate: true}``."""
    if not isinstance(value, dict):
        return {"any_of": _listed(value)} if _is_plain(value) else value
    if "not" in value and not {"any_of", "negate"} & value.keys():
        rest = {key: entry for key, entry in value.items() if key != "not"}
        return rest | {"any_of": _listed(value["not"]), "negate": True}
    return value


def reference(value: Any) -> Any:
    """``NAME`` or ``[NAME, NAME]`` → ``{to: […]}``; ``{to: NAME}`` → ``{to: [NAME]}``."""
    if isinstance(value, str | list):
        return {"to": _listed(value)}
    if isinstance(value, dict) and isinstance(value.get("to"), str):
        return value | {"to": [value["to"]]}
    return value


def criterion(value: Any) -> Any:
    """``column`` or ``[column, column]`` → ``{columns: […]}``."""
    return {"columns": _listed(value)} if isinstance(value, str | list) else value


def column(value: Any) -> Any:
    """``a <-> b`` or ``{pair: a <-> b}`` → the two columns' names and the direction.

    Raises:
        ValueError: if a pair is not of this form, or its parts are given a second time.
    """
    entry = {"pair": value} if isinstance(value, str) else value
    if not isinstance(entry, dict) or "pair" not in entry:
        return value
    parts = _PAIR.fullmatch(str(entry["pair"]).strip())
    if parts is None:
        raise ValueError("a pair is written: business_central_column <-> dataverse_column (or ->, or <-)")
    named = {
        "business_central": parts["business_central"],
        "dataverse": parts["dataverse"],
        "direction": _DIRECTIONS[parts["arrow"]],
    }
    if twice := named.keys() & entry.keys():
        raise ValueError(f"a pair names the columns and the direction: leave out {', '.join(sorted(twice))}")
    return {key: part for key, part in entry.items() if key != "pair"} | named


def accepts(forms: list[dict[str, JsonValue]]) -> Callable[[dict[str, Any]], None]:
    """A ``json_schema_extra`` that lets a model's schema accept these forms too."""

    def extend(schema: dict[str, Any]) -> None:
        long = dict(schema)
        schema.clear()
        schema.update({"anyOf": [*forms, long], "description": long.pop("description", "")})

    return extend


def accepts_names(schema: dict[str, Any]) -> None:
    """Let the schema of a reference accept names alone, and one name where the long form has a list."""
    schema["properties"]["to"] = {"anyOf": NAMES, "description": schema["properties"]["to"]["description"]}
    accepts(NAMES)(schema)


def accepts_pair(schema: dict[str, Any]) -> None:
    """Let the schema of a column accept a pair: as a text, or as a member in place of the columns' names."""
    schema["properties"]["pair"] = {**PAIR, "description": "Both columns and the direction."}
    accepts([PAIR])(schema)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | Decimal | str | list)
