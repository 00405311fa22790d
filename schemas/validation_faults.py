"""A pydantic error, told as faults of the document that was validated.

Pydantic names the model's fields; a person needs the line in the file and the word that was meant. Locations are
followed as far as the document goes: steps that exist only in the model (a union's branch, a short form's long name)
are left out.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.faults import Fault, Path, did_you_mean
from schemas.yaml_document import YamlDocument

_QUOTED = re.compile(r"'([^']*)'")


@dataclass(frozen=True, slots=True)
class _Problem:
    path: Path
    kind: str
    text: str
    instead: str = ""


def faults_of(error: ValidationError, document: YamlDocument, model: type[BaseModel], root: Path = ()) -> list[Fault]:
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


def _problem(details: ErrorDetails, document: YamlDocument, model: type[BaseModel], root: Path) -> _Problem:
    kind, location = details["type"], details["loc"]
    path = _in_document(location, document, root)
    match kind:
        case "missing":
            name = str(location[-1])
            return _Problem((*path, name), kind, "is missing")
        case "extra_forbidden":
            holder = _model_at(model, location[:-1])
            known = (*holder.model_fields, *getattr(holder, "short_keys", ()))
            return _Problem(path, kind, "no such key", did_you_mean(str(location[-1]), known))
        case "enum" | "literal_error":
            expected = _QUOTED.findall(str(details.get("ctx", {}).get("expected", "")))
            return _Problem(
                path, kind, f"{details['input']!r} is not possible here", did_you_mean(str(details["input"]), expected)
            )
        case "string_type":
            return _Problem(path, kind, "should be text", "put it in quotes" if _is_number(details["input"]) else "")
        case "model_type" | "dict_type":
            return _Problem(path, kind, "should be a group of keys with values")
        case "tuple_type" | "list_type":
            return _Problem(path, kind, "should be a list")
        case "too_short":
            return _Problem(path, kind, "should not be empty")
        case _:
            text = details["msg"].removeprefix("Value error, ").removeprefix("Input ")
            return _Problem(path, kind, text)


def _without_echoes(problems: list[_Problem]) -> Iterator[_Problem]:
    """One problem a place: a union reports every branch, and a misspelt key is reported missing under its true name."""
    meant = {
        (p.path[:-1], name) for p in problems if p.kind == "extra_forbidden" for name in _QUOTED.findall(p.instead)
    }
    by_path: dict[Path, list[_Problem]] = defaultdict(list)
    for problem in problems:
        if problem.kind == "missing" and (problem.path[:-1], problem.path[-1]) in meant:
            continue
        by_path[problem.path].append(problem)
    for path, same in by_path.items():
        deeper = any(other[: len(path)] == path for other in by_path if len(other) > len(path))
        if deeper and all(problem.kind.endswith("_type") for problem in same):
            continue  # another branch of the union fits the node, and has the real fault inside
        texts = list(dict.fromkeys(problem.text for problem in same))
        yield _Problem(path, same[0].kind, ", or ".join(texts), same[0].instead)


def _in_document(location: tuple[str | int, ...], document: YamlDocument, root: Path) -> Path:
    path = root
    for step in location:
        if document.contains((*path, step)):
            path = (*path, step)
    return path


def _model_at(model: type[BaseModel], location: tuple[str | int, ...]) -> type[BaseModel]:
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
