"""A pydantic error, told as faults of the document that was validated.

Pydantic names the model's fields; a person needs the line in the file and the word that was meant. Locations are
followed as far as the document goes: steps that exist only in the model (a union's branch, a short form's long name)
are left out.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.faults import Fault, Path, did_you_mean

_QUOTED = re.compile(r"'([^']*)'")

_SHOULD_BE = {
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "dict_type": "a group of keys with values",
    "float_type": "a number",
    "float_parsing": "a number",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "list_type": "a list",
    "model_type": "a group of keys with values",
    "path_type": "a path",
    "string_type": "text",
    "tuple_type": "a list",
}
_BRANCHES = {*_SHOULD_BE, "too_short"}
"""Errors that say nothing where another one lies deeper: a union tries each branch, a list counts its good entries."""


class Located(Protocol):
    """A document whose nodes have places: :class:`~schemas.yaml_document.YamlDocument`, or several sources as one."""

    def contains(self, path: Path) -> bool:
        """Whether the document has this node."""
        ...

    def fault(self, path: Path, problem: str, instead: str = "", *, at_key: bool = False) -> Fault:
        """A fault of the node at ``path``, or of the nearest one around it that the document has."""
        ...


@dataclass(frozen=True, slots=True)
class _Problem:
    """One pydantic error. ``explains`` are the keys that are missing only because of it."""

    path: Path
    kind: str
    text: str
    instead: str = ""
    explains: frozenset[str] = frozenset()


def faults_of(error: ValidationError, document: Located, model: type[BaseModel], root: Path = ()) -> list[Fault]:
    """The faults that ``error`` tells of, once each.

    Args:
        model: what was validated.
        root: the validated node's path in ``document``.
    """
    problems = [_problem(details, document, model, root) for details in error.errors(include_url=False)]
    return [
        document.fault(problem.path, problem.text, problem.instead, at_key=problem.kind == "extra_forbidden")
        for problem in _without_echoes(problems)
    ]


def _problem(details: ErrorDetails, document: Located, model: type[BaseModel], root: Path) -> _Problem:
    kind, location = details["type"], details["loc"]
    path = _in_document(location, document, root)
    match kind:
        case "missing":
            return _Problem((*path, location[-1]), kind, "is missing")
        case "extra_forbidden":
            return _unknown_key(path, model_at(model, location[:-1]))
        case "enum" | "literal_error":
            expected = _QUOTED.findall(str(details.get("ctx", {}).get("expected", "")))
            word = str(details["input"])
            return _Problem(path, kind, f"{word!r} is not possible here", did_you_mean(word, expected))
        case "too_short":
            return _Problem(path, kind, "should not be empty")
        case _ if kind in _SHOULD_BE:
            hint = "put it in quotes" if kind == "string_type" and _is_number(details["input"]) else ""
            return _Problem(path, kind, f"should be {_SHOULD_BE[kind]}", hint)
        case _:
            return _Problem(path, kind, details["msg"].removeprefix("Value error, ").removeprefix("Input "))


def _unknown_key(path: Path, holder: type[BaseModel]) -> _Problem:
    fields = frozenset(holder.model_fields)
    short_keys = frozenset(getattr(holder, "short_keys", ()))
    hint = did_you_mean(str(path[-1]), fields | short_keys)
    guess = frozenset(_QUOTED.findall(hint))
    return _Problem(path, "extra_forbidden", "no such key", hint, explains=fields if guess & short_keys else guess)


def _without_echoes(problems: list[_Problem]) -> Iterator[_Problem]:
    """One problem a place, and none that is only the consequence of another."""
    explained = {(*problem.path[:-1], key) for problem in problems for key in problem.explains}
    by_path: dict[Path, list[_Problem]] = defaultdict(list)
    for problem in problems:
        if problem.kind != "missing" or problem.path not in explained:
            by_path[problem.path].append(problem)
    for path, same in by_path.items():
        deeper = any(len(other) > len(path) and other[: len(path)] == path for other in by_path)
        if deeper and all(problem.kind in _BRANCHES for problem in same):
            continue
        branches = [problem for problem in same if problem.kind in _SHOULD_BE] or same
        texts = dict.fromkeys(problem.text for problem in branches)
        text = " or ".join(texts).replace(" or should be ", " or ")
        yield _Problem(path, same[0].kind, text, same[0].instead)


def _in_document(location: tuple[str | int, ...], document: Located, root: Path) -> Path:
    path = root
    for step in location:
        if document.contains((*path, step)):
            path = (*path, step)
    return path


def model_at(model: type[BaseModel], location: Path) -> type[BaseModel]:
    """The model that holds what is at ``location`` in a document of ``model``."""
    for step in location:
        field = model.model_fields.get(str(step))
        if field is not None:
            model = next(_models_in(field.annotation), model)
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _is_number(value: object) -> bool:
    return not isinstance(value, str | list | dict) and value is not None
