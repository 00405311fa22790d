"""Figures beside their targets: a table for people, a list for machines."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from schemas import json_codec


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    Attributes:
        target: at most this much; ``None``: told for comparison only.
        at_least: the target is at least this much.
        limited_by: what keeps it from being better.
    """

    name: str
    value: float
    unit: str
    target: float | None
    limited_by: str = ""
    at_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether the target is met."""
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target


def show(figures: Iterable[Figure]) -> None:
    """Print the figures as a table."""
    table = Table("figure", "measured", "unit", "target", "holds", "what limits it")
    for figure in figures:
        target = "" if figure.target is None else f"{'≥' if figure.at_least else '≤'} {figure.target:g}"
        holds = "" if figure.target is None else "yes" if figure.holds else "[bold red]no[/]"
        table.add_row(figure.name, f"{figure.value:,.4g}", figure.unit, target, holds, figure.limited_by)
    Console(width=150).print(table)


def save(figures: Iterable[Figure], path: Path) -> None:
    """Write the figures as a JSON list of name, value, unit, target, holds."""
    path.write_bytes(json_codec.encode([{**asdict(figure), "holds": figure.holds} for figure in figures]))
