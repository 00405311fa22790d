"""The look of the demo's tables."""

from rich import box
from rich.table import Table


def plain_table(*, expand: bool = False) -> Table:
    """An empty table without lines but one under its headings."""
    return Table(box=box.SIMPLE_HEAD, expand=expand, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
