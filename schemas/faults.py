"""Faults of files that people write: where, what is wrong, and what to write instead."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""The way from a document's root to a node: keys, and positions in lists from 0."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault.

    Attributes:
        file: as a person would open it; or the name of the environment variable that is wrong.
        line, column: from 1; ``None`` where there is no line to point at.
        path: the node's place in the document (``mappings[2].columns[0].direction``), empty for the whole of it.
        problem: what is wrong.
        instead: what to write or do instead; empty where the problem says it.
    """

    file: str
    line: int | None
    column: int | None
    path: str
    problem: str
    instead: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}:{self.column}"
        return ": ".join(part for part in (place, self.path, self.advice) if part)

    @property
    def advice(self) -> str:
        """Problem and remedy, without the place."""
        return f"{self.problem}; {self.instead}" if self.instead else self.problem


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a mapping, before it is known where in which file the mapping stands.

    Attributes:
        mapping: its name.
        path: within the mapping: ``("columns", 3, "reference")``.
    """

    mapping: str
    path: Path
    problem: str
    instead: str = ""


class Faults(Exception):
    """A file cannot be used. The text has one line a fault."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """As a reader meets them: by file, line and column."""
    return sorted(faults, key=lambda fault: (fault.file, fault.line or 0, fault.column or 0, fault.path))


def as_text(path: Path) -> str:
    """``("mappings", 2, "name")`` → ``mappings[2].name``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence that names what was probably meant, or what there is to choose from."""
    names = sorted(known)
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known are: {', '.join(names)}" if names else "there are none"


def joined(words: Iterable[str]) -> str:
    """``a, b and c``."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
