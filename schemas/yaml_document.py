"""A YAML file as plain values, with the line and column of every node.

YAML 1.2, so that ``NO`` is text. Numbers with a fraction are :class:`~decimal.Decimal`; dates stay text; keys are
always text. Faults of the text itself (syntax, a key given twice) are collected instead of raised.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from schemas.faults import Fault, Path, as_text

_TAG = "tag:yaml.org,2002:"


@dataclass(slots=True)
class YamlDocument:
    """What a YAML file holds. ``data`` is ``None`` for an empty or broken file."""

    file: str
    data: Any = None
    faults: list[Fault] = field(default_factory=list)
    _values: dict[Path, tuple[int, int]] = field(default_factory=dict, repr=False)
    _keys: dict[Path, tuple[int, int]] = field(default_factory=dict, repr=False)

    def contains(self, path: Path) -> bool:
        """Whether the document has this node."""
        return path in self._values

    def fault(self, path: Path, problem: str, instead: str = "", *, at_key: bool = False) -> Fault:
        """A fault of the node at ``path``, or of the nearest one around it that the document has."""
        known = path
        while known and known not in self._values:
            known = known[:-1]
        places = self._keys if at_key and known in self._keys else self._values
        line, column = places.get(known, (None, None))
        return Fault(self.file, line, column, as_text(path), problem, instead)

    def read(self, node: Node, path: Path = (), inside: tuple[Node, ...] = ()) -> Any:
        """``node`` as plain values, its place noted under ``path``; ``inside`` are the nodes around it."""
        self._values[path] = _place(node)
        if node in inside:
            self.faults.append(self.fault(path, "an alias refers to a node around it"))
            return None
        match node:
            case MappingNode():
                return self._read_mapping(node, path, (*inside, node))
            case SequenceNode():
                entries = enumerate(node.value)
                return [self.read(entry, (*path, index), (*inside, node)) for index, entry in entries]
            case _:
                return _scalar(node)

    def _read_mapping(self, node: MappingNode, path: Path, inside: tuple[Node, ...]) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                self.faults.append(Fault(self.file, *_place(key), as_text(path), "a key must be plain text"))
                continue
            place = (*path, key.value)
            if key.value in entries:
                first = self._keys[place][0]
                fault = Fault(
                    self.file, *_place(key), as_text(place), f"given twice, first in line {first}", "leave one out"
                )
                self.faults.append(fault)
                continue
            self._keys[place] = _place(key)
            entries[key.value] = self.read(value, place, inside)
        return entries


def read_yaml(text: bytes, file: str) -> YamlDocument:
    """The document in ``text``; ``file`` is what faults call it."""
    document = YamlDocument(file)
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        if "another document" in problem:
            problem = "a file holds one YAML document, and here begins another"
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        document.faults.append(Fault(file, line, column, "", f"not YAML: {problem}"))
    except (ReaderError, UnicodeDecodeError) as error:
        document.faults.append(Fault(file, None, None, "", f"not text in UTF-8: {error.reason}"))
    else:
        if root is not None:
            document.data = document.read(root)
    return document


def _place(node: Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


def _scalar(node: Node) -> bool | int | Decimal | str | None:
    text = str(node.value)
    match str(node.tag).removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            return int(text.replace("_", ""), 0) if text.strip("+-")[:2] in ("0x", "0o") else int(text)
        case "float":
            with suppress(InvalidOperation):
                return Decimal(text)
    return text
